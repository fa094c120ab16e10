"""The journey, step by step, in the order in which it happens."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.management.journey import proofs, staff
from core.management.journey.courier import Courier, Label
from core.management.journey.customer import Customer
from core.management.journey.inbox import Inbox
from core.management.journey.paying import pay
from core.management.journey.proofs import ASKED, MOVES
from core.management.journey.staff import Desk
from core.management.journey.steps import Failed, Patience, Steps, Stopped
from core.management.journey.web import Json

#: what the sample's files are, beside it
FIXTURES = Path(__file__).resolve().parents[3] / "fixtures"


class Journey:
    """`sample` is fixtures/sample-request.json: what the customer asks for, and under `staff` what staff make of it."""

    def __init__(self, base_url: str, *, sandbox_url: str, sample: dict[str, Any], patience_s: float, say: Callable[[str], None]) -> None:
        self.base_url, self.sandbox_url = base_url.rstrip("/"), sandbox_url.rstrip("/")
        self.steps, self.patience = Steps(say), Patience(patience_s)
        self.sandbox = Json(self.sandbox_url)
        email, phone = f"journey-{secrets.token_hex(5)}@example.com", sample["recipient"]["phone"]
        self.inbox = Inbox(self.sandbox, self.patience, email=email, phone=phone)
        self.customer = Customer(self.base_url, sample=sample, inbox=self.inbox, patience=self.patience)
        self.buyer, self.warehouse = (Desk(self.base_url, role=role) for role in ("buyer", "warehouse"))
        self.courier = Courier(self.sandbox_url)
        self.sample, self.labels = sample["staff"], list[Label]()

    def walk(self) -> bool:
        """Whether all of it went well."""
        try:
            self.order()
            self.quote()
            self.pay("items", move="record_item_payment", asked_in="confirm_item_prices")
            self.buy()
            self.receive_and_pack()
            self.pay("delivery", move="record_delivery_payment", asked_in="confirm_delivery_fee")
            self.ship()
            self.deliver()
            self.look_back()
        except Stopped:
            pass
        finally:
            self.customer.close_stream()
        return self.steps.ok

    @contextmanager
    def move(self, name: str) -> Iterator[None]:
        """A step in which the order moves: the event must reach the customer's screen, and the notices everybody they are for."""
        with self.steps.step(name):
            yield
            self.customer.stream.wait_for("order.state", order=self.customer.number, state=MOVES[name])
            self.inbox.wait_for(name)

    # --- the first lane: quote, items, buying

    def order(self) -> None:
        with self.steps.step("ask_for_sign_up_code"):
            code = self.customer.ask_for_code()
        with self.steps.step("sign_up"):
            self.customer.sign_up(code)
        with self.steps.step("open_event_stream"):
            self.customer.open_stream()
        with self.steps.step("estimate"):
            self.customer.estimate()
        with self.move("request_quote"):
            self.customer.request_quote()
        with self.steps.step("request_again_with_the_same_key"):
            self.customer.request_again()

    def quote(self) -> None:
        self.begin_work(self.buyer)
        with self.steps.step("screen_items"):
            self.buyer.enter("screen_items", staff.approve_all)
        with self.move("approve_quote"):
            self.buyer.press("approve_quote")
        with self.steps.step("price_items"):
            self.buyer.enter("price_items", staff.names_and_prices(self.sample["names"], self.sample["prices_krw"]))
        with self.move("confirm_item_prices"):
            self.buyer.press("confirm_item_prices")

    def begin_work(self, desk: Desk) -> None:
        with self.steps.step(f"sign_in_{desk.role}"):
            desk.sign_in()
        with self.steps.step(f"find_order_{desk.role}"):
            desk.find_order(self.customer.number)

    def pay(self, kind: str, *, move: str, asked_in: str) -> None:
        with self.steps.step(f"pay_link_{kind}"):
            invoice = self.customer.invoice(kind)
            link = invoice["pay_url"]
            if link not in self.inbox.text_of(asked_in):
                raise Failed(f"the mail about {asked_in} does not hold the pay link {link}")
            self.customer.stream.wait_for("order.invoice", order=self.customer.number, kind=kind)
        with self.steps.step(f"pay_{kind}"):
            pay(link, hosted_at=self.sandbox_url, patience=self.patience)
        with self.move(move):
            pass  # Stripe tells us, a job settles it

    def buy(self) -> None:
        with self.steps.step("buy_items"):
            self.buyer.enter("buy_items", staff.purchases(self.sample["paid_prices_krw"], order=self.customer.number))
        with self.move("mark_items_purchased"):
            self.buyer.press("mark_items_purchased")

    # --- the second lane: warehouse, delivery

    def receive_and_pack(self) -> None:
        self.begin_work(self.warehouse)
        self.inspect()
        with self.move("receive_at_warehouse"):
            self.warehouse.press("receive_at_warehouse")
        first, second = self.sample["parcels"]
        with self.steps.step("pack_first_parcel"):
            self.warehouse.enter("pack_parcels", self.parcel(first, places=(0, 1, 2)))
        with self.steps.step("pack_second_parcel"):
            self.warehouse.enter("pack_parcels", self.parcel(second, places=(3, 4)), form=-1)
        with self.steps.step("set_delivery_fee"):
            self.warehouse.enter("set_delivery_fee", staff.proposed_fee)
        with self.move("confirm_delivery_fee"):
            self.warehouse.press("confirm_delivery_fee")

    def inspect(self) -> None:
        """One item is damaged: photo, question, the customer's answer, and the order goes on."""
        said = self.sample["inspection"]
        position, number = said["position"], self.customer.number
        with self.steps.step("receive_items"):
            self.warehouse.enter("receive_items", staff.arrived(but=position), press=("inspected", "1"))
        with self.steps.step("inspect_with_photo"):
            self.warehouse.inspect(position, staff.found(said["verdict"], said["note"], photo=FIXTURES / said["photo"]))
        with self.steps.step("ask_about_inspection"):
            question = self.warehouse.ask_about_findings()
            self.customer.stream.wait_for("order.message", order=number)
            self.inbox.wait_for("ask_inspection")
            if self.customer.order()["question"] != question or said["note"] not in self.inbox.text_of("ask_inspection"):
                raise Failed("the customer does not read what was found")
        with self.steps.step("look_at_photo"):
            self.customer.look_at_photos(position)
        with self.steps.step("answer_inspection"):
            self.customer.decide(position, said["choice"], said["text"])
            self.inbox.wait_for("answer_inspection")
        with self.steps.step("end_inspection"):
            self.warehouse.press_found("keep")

    @staticmethod
    def parcel(said: dict[str, Any], *, places: tuple[int, ...]) -> staff.Fill:
        return staff.parcel(said["weight_g"], (said["length_cm"], said["width_cm"], said["height_cm"]), places=places)

    def ship(self) -> None:
        with self.steps.step("label_parcels"):
            self.labels = self.courier.labels(self.sample["parcels"])
            self.warehouse.enter("label_parcels", staff.labels(self.labels))
        with self.steps.step("courier_picks_up"):
            self.courier_moves("picked_up", "in_transit")
        with self.move("ship"):
            self.warehouse.press("ship")
        with self.steps.step("tracking_begins"):
            for position, (_courier, number) in enumerate(self.labels, start=1):
                self.customer.stream.wait_for("shipment.status", parcel=position, status="in_transit")
                if number not in self.inbox.text_of("ship"):
                    raise Failed(f"the mail about the shipment does not name {number}")

    def courier_moves(self, *statuses: str) -> None:
        for label in self.labels:
            for status in statuses:
                self.courier.move(label, status)

    def deliver(self) -> None:
        with self.steps.step("courier_delivers"):
            self.courier_moves("out_for_delivery", "delivered")
        with self.steps.step("look_at_courier_now"):
            self.warehouse.press_aside("look")
        with self.move("record_delivery"):
            for position in range(1, len(self.labels) + 1):
                self.customer.stream.wait_for("shipment.status", parcel=position, status="delivered")
        with self.move("complete"):
            self.customer.confirm_delivery()

    # --- looking back

    def look_back(self) -> None:
        with self.steps.step("history_is_whole"):
            proofs.history_is_whole(self.customer)
        with self.steps.step("stream_is_whole"):
            proofs.stream_is_whole(self.customer)
        with self.steps.step("parcels_arrived"):
            proofs.parcels_arrived(self.customer, self.labels)
        with self.steps.step("money_agrees"):
            proofs.money_agrees(self.customer, sandbox=self.sandbox)
        with self.steps.step("every_notice_once"):
            self.inbox.check_once_each([*MOVES, *ASKED])

    def summary(self) -> str:
        walked = f"{self.customer.number or 'No order'}: {len(self.steps.done)} steps in {self.steps.seconds:.1f} s"
        told = f"{len(self.inbox.notices)} notices, {len(self.customer.events())} events"
        return f"{walked}, {told}." if self.steps.ok else f"{walked}, {told}. The journey failed at {self.steps.done[-1].name}."

    def as_document(self) -> dict[str, Any]:
        return {
            "ok": self.steps.ok,
            "order": self.customer.number,
            "base_url": self.base_url,
            "seconds": self.steps.seconds,
            "steps": self.steps.as_documents(),
            "notices": self.inbox.as_documents(),
            "events": self.customer.events(),
        }
