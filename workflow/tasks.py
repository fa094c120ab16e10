"""What staff must look at (`models.StaffTask`): made by `payments.staff_task`, ended here."""

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from core.errors import NotFound
from workflow.models import StaffTask
from workflow.transitions import By, TransitionRefused


@transaction.atomic
def finish(task_id: int, *, by: By) -> StaffTask:
    """Somebody looked at it and it is done. Refused for those who may not see tasks, and for one that is done already."""
    task = StaffTask.objects.select_for_update().filter(pk=task_id).first()
    if task is None:
        raise NotFound
    if by.user is None or not by.user.has_perm("workflow.view_stafftask"):
        raise TransitionRefused(_("You may not do this."), code="not_allowed")
    if task.done_at:
        raise TransitionRefused(_("This task is done already."))
    task.done_at, task.done_by = now(), by.user
    task.save(update_fields=["done_at", "done_by"])
    return task
