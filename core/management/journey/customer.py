"""The customer: an app on the REST API, signed up anew for each journey, with the event stream open all the while."""

import secrets
from typing import Any

from core.management.journey.inbox import Inbox
from core.management.journey.steps import Failed, Patience
from core.management.journey.stream import Stream
from core.management.journey.web import Answer, Json, picture

Document = dict[str, Any]
API = "/api/v1"


class Customer:
    def __init__(self, base_url: str, *, sample: Document, inbox: Inbox, patience: Patience) -> None:
        self.api = Json(base_url + API)
        self.sample = sample
        self.number = ""
        self._inbox, self._patience = inbox, patience
        self._stream: Stream | None = None
        self._request_key = secrets.token_hex(16)

    @property
    def email(self) -> str:
        return self._inbox.email

    @property
    def stream(self) -> Stream:
        if self._stream is None:
            raise Failed("the event stream is not open")
        return self._stream

    # --- in

    def ask_for_code(self) -> str:
        self.api.post("/auth/email-codes", {"email": self.email, "purpose": "signup"}, expect=202)
        return self._inbox.code()

    def sign_up(self, code: str) -> None:
        given = {"email": self.email, "purpose": "signup", "code": code}
        proof = self.api.post("/auth/email-codes/verify", given).data["verification_token"]
        person = {"nickname": self.email.partition("@")[0], "password": secrets.token_urlsafe(16), "locale": "ko"}
        self.api.token = self.api.post("/auth/signup", {"verification_token": proof, **person}, expect=201).data["token"]
        if not self.api.get("/auth/session").data["authenticated"]:
            raise Failed("the new token is not signed in")

    def open_stream(self) -> None:
        self._stream = Stream(f"{self.api.base}/events", token=self.api.token, patience=self._patience)

    def close_stream(self) -> None:
        if self._stream is not None:
            self._stream.close()

    def events(self) -> list[Document]:
        return self._stream.as_documents() if self._stream else []

    # --- asking

    def estimate(self) -> Document:
        """Waits for the first exchange rate of a fresh system."""
        prices = self.sample["staff"]["prices_krw"]
        items = [{"price_krw": price, "quantity": item["quantity"]} for price, item in zip(prices, self.sample["items"], strict=True)]
        weight = sum(parcel["weight_g"] for parcel in self.sample["staff"]["parcels"])
        body = {"items": items, "weight_g": weight, "volume_cm3": 0}

        def look() -> Answer | None:
            answer = self.api.ask("POST", "/estimates", body)
            return None if answer.status == 409 else self.api.post("/estimates", body)

        answer: Document = self._patience.wait("an exchange rate for the estimate", look).data
        if answer["amount_krw"] <= self.goods_krw or not answer["amount_usd_cents"]:
            raise Failed(f"the estimate is {answer['amount_krw']} won for goods of {self.goods_krw} won")
        return answer

    @property
    def goods_krw(self) -> int:
        return sum(price * item["quantity"] for price, item in zip(self.sample["staff"]["prices_krw"], self.sample["items"], strict=True))

    def request_quote(self) -> None:
        order = self._request().data
        urls = [item["url"] for item in order["items"]]
        if urls != [item["url"] for item in self.sample["items"]]:
            raise Failed("the order does not hold the addresses that were asked for")
        self.number = self._inbox.order = order["number"]

    def request_again(self) -> None:
        """The app lost the answer and asks with the same key: the same order."""
        again = self._request()
        if again.data["number"] != self.number:
            raise Failed(f"the same Idempotency-Key made another order: {again.data['number']}")
        mine = [order["number"] for order in self.api.get("/orders").data["items"]]
        if mine != [self.number]:
            raise Failed(f"the customer has these orders instead of one: {mine}")

    def _request(self) -> Answer:
        body = {name: value for name, value in self.sample.items() if name != "staff"}
        return self.api.post("/orders", body, expect=201, key=self._request_key)

    # --- afterwards

    def order(self) -> Document:
        return self.order_answer().data

    def order_answer(self) -> Answer:
        return self.api.get(f"/orders/{self.number}")

    def invoice(self, kind: str) -> Document:
        found = [invoice for invoice in self.order()["invoices"] if invoice["kind"] == kind]
        if len(found) != 1:
            raise Failed(f"the order has {len(found)} invoices for {kind} instead of one")
        return found[0]

    # --- what was found of an item

    def inspection(self, position: int) -> Document:
        found: Document | None = self.order()["items"][position - 1]["inspection"]
        if found is None:
            raise Failed(f"the API shows no inspection of item {position}")
        return found

    def look_at_photos(self, position: int) -> None:
        """By the signed links, as an app shows them: both sizes of each."""
        photos = self.inspection(position)["photos"]
        if not photos:
            raise Failed(f"the API shows no photo of item {position}")
        for photo in photos:
            if len(picture(photo["small_url"])) > len(picture(photo["url"])):
                raise Failed("the small picture is larger than the large one")

    def decide(self, position: int, choice: str, text: str) -> None:
        path, key = f"/orders/{self.number}/items/{position}/inspection", secrets.token_hex(16)
        for _again in range(2):  # the app lost the answer and asks with the same key
            order = self.api.post(path, {"choice": choice, "text": text}, key=key).data
        found = order["items"][position - 1]["inspection"]
        if (found["choice"], found["answer"], order["waiting_on"]) != (choice, text, "staff"):
            raise Failed(f"the answer about item {position} did not arrive: {found}")

    def confirm_delivery(self) -> None:
        self.api.post(f"/orders/{self.number}/confirm-delivery", key=secrets.token_hex(16))

    def history(self) -> list[Document]:
        """All of it, page by page."""
        events, query = [], {"limit": 8}
        while True:
            page = self.api.get(f"/orders/{self.number}/events", **query).data
            events += page["items"]
            if not page["next_cursor"]:
                return events
            query["cursor"] = page["next_cursor"]
