from django.apps import AppConfig
from django.db.models.signals import post_migrate  # noqa: TID251 - Django's own hook for what follows from a migration
from django.utils.translation import gettext_lazy as _


class WorkflowConfig(AppConfig):
    name = "workflow"
    verbose_name = _("Orders")

    def ready(self) -> None:
        from workflow import effects, restrictions, roles  # noqa: F401 - registers the effects' handlers

        # The roles' permissions are generated from the process table, so they follow it at every migrate.
        post_migrate.connect(roles.sync_after_migrate, sender=self)
        post_migrate.connect(restrictions.load_after_migrate, sender=self)
