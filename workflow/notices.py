"""Who is told of what happened to an order, and by which channel. What they are told is in `workflow/letters/`.

`tell_customer` and `tell_staff` are what the effects of the same names do, `send_reminders` is a periodic job. All are safe to run
twice: a notice exists once per (event, channel, recipient).
"""

import logging
from collections.abc import Iterable
from itertools import islice

from django.conf import settings
from django.utils.timezone import now
from django.utils.translation import gettext_noop

from core.accounts.models import Locale, User, normalise_email
from core.notices import Letter, write
from core.notices.models import Channel, Notice
from core.notices.phones import e164
from workflow import inspection_rows, reminders
from workflow.letters import CUSTOMER, STAFF, About
from workflow.models import Order, OrderEvent
from workflow.tasks import staff_task

log = logging.getLogger(__name__)

CHUNK = 200


def tell_customer(event: OrderEvent) -> None:
    """E-mail, and SMS for the milestones that have one, in the customer's language."""
    customer = event.order.customer
    letter = CUSTOMER[event.name](About(event.order, customer.locale, event))
    if letter is not None:
        _write_to_customer(event.order, letter, key=_key(event, event.name), kind=event.name)


def _write_to_customer(order: Order, letter: Letter, *, key: str, kind: str) -> bool:
    """Whether anything was written that had not been before: one notice a channel, also when the address has changed since."""
    recipients = {Channel.EMAIL: order.customer.email, Channel.SMS: phone_of(order) if letter.sms else ""}
    already = set(Notice.objects.filter(key=key).values_list("channel", flat=True))
    wanted = [(channel, recipient) for channel, recipient in recipients.items() if recipient and channel not in already]
    customer = order.customer
    written = [_write(letter, *to, key=key, kind=kind, user=customer, locale=customer.locale) for to in wanted]
    return any(written)


def phone_of(order: Order) -> str:
    """The customer's own number, else the recipient's; empty where neither can be dialled from abroad."""
    return e164(order.customer.phone, country=order.country) or e164(order.recipient_phone, country=order.country)


def tell_staff(event: OrderEvent) -> None:
    """E-mail to the staff's addresses, and SMS to their phones where money or a new order came in."""
    kind = f"staff_{event.name}"
    languages = _languages(settings.STAFF_NOTICE_EMAILS)
    for email in settings.STAFF_NOTICE_EMAILS:
        _tell_one(event, Channel.EMAIL, email, kind=kind, locale=languages.get(normalise_email(email), Locale.KOREAN))
    for phone in settings.STAFF_NOTICE_PHONES:
        _tell_one(event, Channel.SMS, phone, kind=kind, locale=Locale.KOREAN)


def _tell_one(event: OrderEvent, channel: Channel, recipient: str, *, kind: str, locale: str) -> None:
    letter = STAFF[event.name](About(event.order, locale, event))
    if letter is not None and (channel != Channel.SMS or letter.sms):
        _write(letter, channel, recipient, key=_key(event, kind), kind=kind, user=None, locale=locale)


def _languages(emails: Iterable[str]) -> dict[str, str]:
    """The language of those addresses that belong to somebody's account."""
    return dict(User.objects.filter(email__in=[normalise_email(email) for email in emails]).values_list("email", "locale"))


def _key(event: OrderEvent, kind: str) -> str:
    return f"{event.order.subject}:{event.number}:{kind}"


def _write(letter: Letter, channel: Channel, recipient: str, *, key: str, kind: str, user: User | None, locale: str) -> Notice | None:
    user_id = user.pk if user else None
    return write(key=key, kind=kind, channel=channel, recipient=recipient, user_id=user_id, locale=locale, letter=letter)


# --- Reminders ------------------------------------------------------------------------------------------------------------


def send_reminders() -> int:
    """Write the reminders that are due and were not written yet; how many. One that fails does not stop the others."""
    found = iter(reminders.due(now()))
    count = 0
    while chunk := list(islice(found, CHUNK)):
        written = set(Notice.objects.filter(key__in=[reminder.key for reminder in chunk]).values_list("key", flat=True))
        count += sum(_remind(reminder) for reminder in chunk if reminder.key not in written)
    _hand_questions_to_staff()
    _hand_inspections_to_staff()
    return count


def _remind(reminder: reminders.Reminder) -> bool:
    try:
        return _write_to_customer(reminder.order, reminder.letter(), key=reminder.key, kind=f"remind_{reminder.kind}")
    except Exception:  # one order that cannot be written to must not silence the others
        log.exception("no reminder %s", reminder.key)
        return False


def _hand_questions_to_staff() -> None:
    for order in reminders.unanswered(now()):
        text = gettext_noop("The customer has not answered our question, through all reminders.")
        staff_task(key=f"{order.subject}:{reminders.question_key(order)}", kind="question_unanswered", order=order, text=text)


def _hand_inspections_to_staff() -> None:
    """The time to answer is over. Nothing is sent, kept or given up by that: a person decides."""
    for inspection in inspection_rows.overdue().iterator(chunk_size=CHUNK):
        order, text = inspection.item.order, gettext_noop("The customer has not said what to do about an inspected item.")
        staff_task(key=inspection_rows.task_key(order, inspection, "overdue"), kind="inspection_overdue", order=order, text=text)
