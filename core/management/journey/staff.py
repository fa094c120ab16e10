"""A member of staff at the admin's own pages: signs in, finds the order, fills the forms that are on its page, presses its buttons."""

from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import urlencode

from core.management.journey.browser import Browser
from core.management.journey.pages import Form, Page
from core.management.journey.steps import Failed

PASSWORD = "bidangil-demo"  # noqa: S105 - the demo data's, printed by `make run`
Fill = Callable[[Form], None]


class Desk:
    def __init__(self, base_url: str, *, role: str) -> None:
        self.role = role
        self.email = f"{role}@example.com"
        self._base = base_url
        self._browser = Browser()
        self._order_url = ""

    def sign_in(self) -> None:
        page = self._browser.get(f"{self._base}/admin/login/").expect("the login page")
        form = page.form("/admin/login/")
        form.fill("username", self.email)
        form.fill("password", PASSWORD)
        after = self._browser.submit(page, form)
        if after.status != 200 or "/login/" in after.url:
            raise Failed(f"{self.email} could not sign in (the demo data makes the staff: manage.py demo)")

    def find_order(self, number: str) -> None:
        """By its number, in the list's search field."""
        found = self._browser.get(f"{self._base}/admin/workflow/order/?{urlencode({'q': number})}").expect("the order list")
        self._order_url = found.link(number)
        if not self._order_url:
            raise Failed(f"the {self.role} does not find {number} in the order list")

    def order_page(self) -> Page:
        return self._browser.get(self._order_url).expect("the order page")

    def enter(self, task: str, fill: Fill, *, form: int = 0, press: tuple[str, str] | None = None) -> None:
        """Fill a form of the order page and save it; `form` counts where there are several of a kind (parcels)."""
        page = self.order_page()
        wanted = page.forms_to(f"/enter/{task}/")[form]
        fill(wanted)
        self._save(page, wanted, what=task, press=press)

    def press(self, move: str) -> None:
        """A transition's button: it must be on the page and not locked; its dialog says what follows and is confirmed."""
        page = self.order_page()
        button = page.marked("data-move", move)
        if button is None:
            raise Failed(f"the button “{move}” is missing on the {self.role}'s order page")
        if "href" not in button.attributes or button.attributes.get("aria-disabled") == "true":
            reason = button.attributes.get("title", "").strip()
            raise Failed(f"the button “{move}” is locked on the {self.role}'s order page: {reason}")
        self._confirm(page.absolute(button.attributes["href"]), f"/do/{move}/")

    def inspect(self, place: int, fill: Fill) -> None:
        """The dialog of the item at this position."""
        self._dialog("data-inspect", str(place), "/inspect/", fill)

    def ask_about_findings(self) -> str:
        """With the question that is proposed; its words."""
        asked: list[str] = []
        self._dialog("data-inspect", "ask_about", "/ask_about/", lambda form: asked.append(form.value("text")))
        return asked[0]

    def press_found(self, what: str) -> None:
        """A button below what was found of an item."""
        page = self.order_page()
        self._save(page, page.form(f"/{what}/"), what=what)

    def _dialog(self, attribute: str, name: str, end: str, fill: Fill) -> None:
        page = self.order_page()
        button = page.marked(attribute, name)
        if button is None:
            raise Failed(f"the button “{name}” is missing on the {self.role}'s order page")
        dialog = self._browser.get(page.absolute(button.attributes["href"])).expect(f"the dialog …{end}")
        form = dialog.form(end)
        fill(form)
        self._save(dialog, form, what=end.strip("/"))

    def press_aside(self, name: str) -> None:
        """A button beside the state, one that needs no words."""
        page = self.order_page()
        button = page.marked("data-aside", name)
        if button is None:
            raise Failed(f"the button “{name}” is missing on the {self.role}'s order page")
        self._confirm(page.absolute(button.attributes["href"]), f"/beside/{name}/")

    def _confirm(self, url: str, end: str) -> None:
        dialog = self._browser.get(url).expect(f"the dialog …{end}")
        self._save(dialog, dialog.form(end), what=end.strip("/"))

    def _save(self, page: Page, form: Form, *, what: str, press: tuple[str, str] | None = None) -> None:
        """What is taken leads back to the order page; anything else says why not."""
        after = self._browser.submit(page, form, press=press).expect(f"“{what}” by the {self.role}")
        if after.url != self._order_url:
            raise Failed(f"“{what}” by the {self.role} led to {after.url}: {' / '.join(after.alerts)}")


# --- What they type in ----------------------------------------------------------------------------------------------------


def approve_all(form: Form) -> None:
    for name in form.names("verdict-"):
        form.fill(name, "approved")


def names_and_prices(names: Iterable[str], prices: Iterable[int]) -> Fill:
    def fill(form: Form) -> None:
        form.fill_each("name-", names)
        form.fill_each("price_krw-", prices)

    return fill


def purchases(paid: Iterable[int], *, order: str) -> Fill:
    def fill(form: Form) -> None:
        wanted = form.names("shop_order_number-")
        form.fill_each("shop_order_number-", [f"{order}-{place}" for place in range(1, len(wanted) + 1)])
        form.fill_each("paid_price_krw-", paid)

    return fill


def arrived(*, but: int) -> Fill:
    """Every item but the one at this position."""

    def fill(form: Form) -> None:
        form.tick("item", [item for position, item in enumerate(items_of(form), start=1) if position != but])

    return fill


def found(verdict: str, note: str, *, photo: Path) -> Fill:
    def fill(form: Form) -> None:
        form.fill("verdict", verdict)
        form.fill("note", note)
        form.attach("photos", photo.name, "image/jpeg", photo.read_bytes())

    return fill


def items_of(form: Form) -> list[str]:
    return [found.value for found in form.fields if found.name == "item"]


def parcel(weight_g: int, sides_cm: tuple[int, int, int], *, places: Iterable[int]) -> Fill:
    """A new parcel with the items at these places of the list, counted from 0."""

    def fill(form: Form) -> None:
        if form.value("parcel"):
            raise Failed("there is no empty form for a new parcel")
        form.fill("weight_g", weight_g)
        for name, side in zip(("length_cm", "width_cm", "height_cm"), sides_cm, strict=True):
            form.fill(name, side)
        items = items_of(form)
        form.tick("item", [items[place] for place in places])

    return fill


def proposed_fee(form: Form) -> None:
    """The fee as it is proposed for the weighed parcels."""
    if not form.value("fee_krw").isdigit():
        raise Failed(f"no delivery fee is proposed: “{form.value('fee_krw')}”")


def labels(parcels: Iterable[tuple[str, str]]) -> Fill:
    def fill(form: Form) -> None:
        form.fill_each("courier-", [courier for courier, _number in parcels])
        form.fill_each("tracking_number-", [number for _courier, number in parcels])

    return fill
