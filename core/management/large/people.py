"""The customers of the large database, with an address and a stream each. Nobody can sign in as one of them."""

from random import Random
from typing import NamedTuple

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django_eventstream.models import EventCounter

from core.accounts.models import Address, User
from core.events import user_channel
from core.management.large.tables import Table, Writer, at
from core.management.large.words import FAMILIES, GIVEN, PLACES

DAY = 86_400_000_000
AT_A_TIME = 5_000


class Customer(NamedTuple):
    key: int
    name: str
    phone: str
    place: int
    house: int


class People:
    """Makes customers and remembers what their orders need of them (about 100 bytes each)."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.users = Table(User, "email nickname phone locale password is_staff is_superuser is_active joined_at")
        self.counters = Table(EventCounter, "name updated")
        self.addresses = Table(
            Address, "user_id label recipient_name recipient_phone line1 line2 city state postal_code country created_at"
        )
        self.customers: list[Customer] = []

    def make(self, count: int, *, first: int, last: int, writer: Writer) -> None:
        """`count` people who joined between the two moments (microseconds)."""
        for number in range(count):
            self._one(first + (last - first) * number // count - self.rng.randrange(30) * DAY)
            if number % AT_A_TIME == AT_A_TIME - 1 or number == count - 1:
                writer.write([*self.users.statements(), *self.counters.statements(), *self.addresses.statements()])
        writer.wait()

    def _one(self, joined: int) -> None:
        rng, key = self.rng, self.users.last_key + 1
        name = rng.choice(FAMILIES) + rng.choice(GIVEN)
        place = rng.randrange(len(PLACES))
        street, city, region, postal_code, country = PLACES[place]
        house, phone = rng.randrange(1, 9_900), f"+1{rng.randrange(201, 990)}555{rng.randrange(10_000):04d}"
        locale = "ko" if rng.random() < 0.8 else "en"
        said = (f"c{key}@example.com", f"{name}{key}", phone, locale, UNUSABLE_PASSWORD_PREFIX + "seeded", 0, 0, 1, at(joined))
        assert self.users.add(*said) == key
        self.counters.add(user_channel(key), at(joined))
        self.addresses.add(key, "집", name, phone, f"{house} {street}", "", city, region, postal_code, country, at(joined))
        self.customers.append(Customer(key, name, phone, place, house))
