"""Ledger rows that are there already are numbered and chained, refunds learn whose money they give back; the triggers go back on.

The triggers come off for it, and SQLite has dropped them anyway: it makes a table anew to add a column.
"""

from django.db import migrations

from workflow import append_only
from workflow.models.hashing import digest_of

REASONS = {"paid after the order was closed": "unapplied", "made in Stripe's dashboard": "dashboard"}


def chain(apps, schema_editor):
    append_only.remove(schema_editor.connection)
    LedgerEntry, Order = apps.get_model("workflow", "LedgerEntry"), apps.get_model("workflow", "Order")
    last = {}
    for row in LedgerEntry.objects.order_by("order_id", "id").iterator():
        number, previous = last.get(row.order_id, (0, "")) if row.order_id else (-1, "")
        row.number, row.previous_hash = number + 1, previous
        row.hash = digest_of(
            row.order_id, row.invoice_id, row.number, row.kind, row.amount_cents, row.currency, row.source,
            row.reference, row.payment_intent_id, row.note, row.booked_at, row.previous_hash,
        )  # fmt: skip
        row.save(update_fields=["number", "previous_hash", "hash"])
        last[row.order_id] = (row.number, row.hash)
    for order_id, (number, _hash) in last.items():
        if order_id:
            Order.objects.filter(pk=order_id).update(ledger_count=number)
    append_only.install(schema_editor.connection)


def name_payments(apps, schema_editor):
    LedgerEntry, Refund = apps.get_model("workflow", "LedgerEntry"), apps.get_model("workflow", "Refund")
    for refund in Refund.objects.iterator():
        paid = LedgerEntry.objects.filter(kind__in=["capture", "unapplied"], order=refund.order_id, invoice=refund.invoice_id)
        if refund.payment_intent_id:
            paid = paid.filter(payment_intent_id=refund.payment_intent_id)
        refund.payment = paid.order_by("id").first()
        refund.reason = REASONS.get(refund.reason, "cancelled")
        refund.save(update_fields=["payment", "reason"])


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("workflow", "0003_money")]
    operations = [
        migrations.RunPython(name_payments, migrations.RunPython.noop),
        migrations.RunPython(chain, migrations.RunPython.noop),
    ]
