"""The page "Roles": who may what, for everybody on the staff to read. It is made from the code that decides (`roles_table.py`)."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from backoffice.roles_table import tables
from workflow.process import Role
from workflow.transitions import roles_held


def urls(site: Any) -> list[URLPattern]:
    @require_GET
    def page(request: HttpRequest) -> HttpResponse:
        own = roles_held(request.user)  # type: ignore[arg-type]
        roles = [(role.label, role in own) for role in Role]
        context = {**site.each_context(request), "title": _("Roles"), "is_fullwidth": "1", "roles": roles, "tables": tables()}
        return render(request, "backoffice/roles.html", context)

    return [path("roles/", site.admin_view(page), name="roles")]
