"""The addresses of the order pages. There is no form over the order's row: typing goes through `entries.py`, moving through `moves.py`."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from backoffice import privacy
from backoffice.access import background
from backoffice.orders import customer_view, desk, dialogs, entries, inspecting, moves, page, photos, pressing, reading, receipt
from backoffice.orders.listing import OrderList
from core import events


class OrderAdmin(OrderList):
    def get_urls(self) -> list[URLPattern]:
        """Only what an order has: no add, delete or history page of the framework's."""
        view = self.admin_site.admin_view
        return [
            path("", view(self.changelist_view), name="workflow_order_changelist"),
            path("<int:order_id>/", view(self.to_page)),
            path("<int:order_id>/change/", view(self.order_page), name="workflow_order_change"),
            path("<int:order_id>/do/<slug:transition>/", view(self.do), name="workflow_order_do"),
            path("<int:order_id>/enter/<slug:task>/", view(self.work), name="workflow_order_work"),
            path("<int:order_id>/beside/<slug:name>/", view(self.beside), name="workflow_order_beside"),
            path("<int:order_id>/receipt/<slug:language>/", view(require_GET(receipt.download)), name="workflow_order_receipt"),
            *(path(f"<int:order_id>/{d.name}/", view(self.dialog), {"dialog": d}, name=f"workflow_order_{d.name}") for d in page.DIALOGS),
            *(
                path(f"<int:order_id>/{d.name}/", view(self.dialog), {"dialog": d}, name=f"workflow_order_{d.name}")
                for d in inspecting.DIALOGS
            ),
            path("<int:order_id>/inspection/<int:pk>/<slug:what>/", view(self.end_inspection), name="workflow_order_inspection"),
            path("<int:order_id>/undo-arrival/<int:pk>/", view(self.undo_arrival), name="workflow_order_undo_arrival"),
            path("<int:order_id>/refund/<int:pk>/<slug:name>/", view(self.decide), name="workflow_order_decide"),
            path("<int:order_id>/unapplied/<int:pk>/<slug:what>/", view(self.settle_unapplied), name="workflow_order_unapplied"),
            path("<int:order_id>/write/<slug:name>/", view(self.write), name="workflow_order_write"),
            path("<int:order_id>/no-answer/", view(self.no_answer), name="workflow_order_no_answer"),
            path("<int:order_id>/assign/", view(self.assign), name="workflow_order_assign"),
            path("<int:order_id>/here/", background(view(self.here)), name="workflow_order_here"),
            path("<int:order_id>/photos/<slug:kind>/<int:pk>/", view(self.photos), name="workflow_order_photos"),
            path("<int:order_id>/photos/<int:photo_id>/remove/", view(self.remove_photo), name="workflow_order_photo_remove"),
            path("<int:order_id>/customer/", view(self.customer_view), name="workflow_order_customer_view"),
            path("<int:order_id>/withdraw/", view(self.withdraw), name="workflow_order_withdraw"),
        ]

    def to_page(self, request: HttpRequest, order_id: int) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:workflow_order_change", args=[order_id]))

    def order_page(self, request: HttpRequest, order_id: int) -> HttpResponse:
        return require_GET(self._order_page)(request, order_id)

    def _order_page(self, request: HttpRequest, order_id: int) -> HttpResponse:
        frame = self.frame(request)
        heard = events.position(events.STAFF_CHANNEL)  # before the order is read: the page listens from there on and misses nothing
        order = reading.load(order_id)
        privacy.opened(request, order=order)
        return render(
            request, "backoffice/order/page.html", {**frame, **page.context(request, order), "title": order.number, "heard": heard}
        )

    def do(self, request: HttpRequest, order_id: int, transition: str) -> HttpResponse:
        return read_or_post(moves.do)(request, order_id, transition, frame=self.frame(request))

    def work(self, request: HttpRequest, order_id: int, task: str) -> HttpResponse:
        return read_or_post(entries.enter)(request, order_id, task, frame=self.frame(request))

    def beside(self, request: HttpRequest, order_id: int, name: str) -> HttpResponse:
        return read_or_post(entries.set_aside)(request, order_id, name, frame=self.frame(request))

    def dialog(self, request: HttpRequest, order_id: int, dialog: dialogs.Dialog) -> HttpResponse:
        return read_or_post(dialogs.answer)(request, order_id, dialog, frame=self.frame(request))

    def decide(self, request: HttpRequest, order_id: int, pk: int, name: str) -> HttpResponse:
        return read_or_post(pressing.decide)(request, order_id, pk, name, frame=self.frame(request))

    def end_inspection(self, request: HttpRequest, order_id: int, pk: int, what: str) -> HttpResponse:
        return require_POST(inspecting.press)(request, order_id, pk, what)

    def undo_arrival(self, request: HttpRequest, order_id: int, pk: int) -> HttpResponse:
        return require_POST(inspecting.undo_arrival)(request, order_id, pk)

    def settle_unapplied(self, request: HttpRequest, order_id: int, pk: int, what: str) -> HttpResponse:
        return require_POST(pressing.settle_unapplied)(request, order_id, pk, what)

    def withdraw(self, request: HttpRequest, order_id: int) -> HttpResponse:
        return require_POST(pressing.withdraw_difference)(request, order_id)

    def write(self, request: HttpRequest, order_id: int, name: str) -> HttpResponse:
        return read_or_post(desk.write)(request, order_id, name, frame=self.frame(request))

    def no_answer(self, request: HttpRequest, order_id: int) -> HttpResponse:
        return require_POST(desk.needs_no_answer)(request, order_id)

    def assign(self, request: HttpRequest, order_id: int) -> HttpResponse:
        return read_or_post(desk.assign)(request, order_id, frame=self.frame(request))

    def here(self, request: HttpRequest, order_id: int) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return require_POST(desk.here)(request, order_id)

    def photos(self, request: HttpRequest, order_id: int, kind: str, pk: int) -> HttpResponse:
        return read_or_post(photos.manage)(request, order_id, kind, pk, frame=self.frame(request))

    def remove_photo(self, request: HttpRequest, order_id: int, photo_id: int) -> HttpResponse:
        return read_or_post(photos.remove)(request, order_id, photo_id, frame=self.frame(request))

    def customer_view(self, request: HttpRequest, order_id: int) -> HttpResponse:
        return require_GET(customer_view.show)(request, order_id, frame=self.frame(request))

    def frame(self, request: HttpRequest) -> dict[str, Any]:
        """What every page of the admin needs around it; 403 for those who may not see orders."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return {**self.admin_site.each_context(request), "opts": self.opts, "is_fullwidth": "1"}


def read_or_post(view: Any) -> Any:
    return require_http_methods(["GET", "HEAD", "POST"])(view)
