"""The courier: moves parcels along on the sandbox's own page, and hands out labels with numbers that no parcel has had yet."""

from collections.abc import Iterable
from typing import Any

from core.management.journey.browser import Browser
from core.management.journey.steps import Failed
from core.management.journey.web import Json

FEDEX_WEIGHTS = (3, 1, 7, 3, 1, 7, 3, 1, 7, 3, 1)
S10_WEIGHTS = (8, 6, 4, 2, 3, 5, 9, 7)
Label = tuple[str, str]


class Courier:
    def __init__(self, sandbox_url: str) -> None:
        self._url = f"{sandbox_url}/parcels"
        self._records = Json(sandbox_url)
        self._browser = Browser()

    def labels(self, parcels: Iterable[dict[str, Any]]) -> list[Label]:
        """The sample's numbers, or, where an earlier journey has used them, the next free ones of the same series."""
        used = {(parcel["courier"], parcel["number"]) for parcel in self._records.get("/_control/parcels").data["items"]}
        return [_free(parcel["courier"], parcel["tracking_number"], used) for parcel in parcels]

    def move(self, label: Label, status: str) -> None:
        page = self._browser.get(self._url).expect("the courier's page")
        form = page.form("/parcels")
        for name, value in zip(("courier", "number", "status"), (*label, status), strict=True):
            form.fill(name, value)
        after = self._browser.submit(page, form).expect(f"moving {label[1]} to {status}")
        if after.alerts:
            raise Failed(f"moving {label[1]} to {status}: {' / '.join(after.alerts)}")


def _free(courier: str, number: str, used: set[Label]) -> Label:
    while (courier, number) in used:
        number = next_fedex_number(number) if courier == "fedex" else next_s10_number(number)
    return courier, number


def next_fedex_number(number: str) -> str:
    """Eleven digits and a check digit."""
    serial = f"{(int(number[:11]) + 1) % 10**11:011d}"
    return serial + str(sum(int(digit) * weight for digit, weight in zip(serial, FEDEX_WEIGHTS, strict=True)) % 11 % 10)


def next_s10_number(number: str) -> str:
    """Two letters, eight digits, a check digit, the country (Universal Postal Union S10)."""
    serial = f"{(int(number[2:10]) + 1) % 10**8:08d}"
    rest = sum(int(digit) * weight for digit, weight in zip(serial, S10_WEIGHTS, strict=True)) % 11
    return f"{number[:2]}{serial}{ {0: 5, 1: 0}.get(rest, 11 - rest) }{number[11:]}"
