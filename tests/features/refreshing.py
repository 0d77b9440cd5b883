"""Steps of an automatic refresh: a policy, a key, a pass, and what the institution opens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from platform_api.jlis.gateway import FourInformationAnswer, FourInformationQuery, SuccessorCertificate
from platform_api.refresh.passing import Passing
from platform_api.refresh.report import InstitutionReport
from revocation.identity import CertificateIdentity
from tests.base.postgres import TestInstitution
from tests.features.cards import Card, make_card
from tests.features.consenting import ALL, consent, next_day, onboard
from tests.features.delivering import opened, put_key
from tests.features.gateways import FakeJlis, successor
from tests.features.service import Service, serving
from tests.features.world import World
from tests.revocation import sets

POLICY: dict[str, Any] = {"enabled": True, "items": ALL, "daily_cap": 100, "daily_questions_cap": 1000}
AVAILABLE = ("four_information.available", "TAKE_DELIVERY")
UNAVAILABLE = ("four_information.unavailable", "CONTACT_CUSTOMER")
DAY = timedelta(days=1)


@dataclass
class JlisOfMany(FakeJlis):
    """A J-LIS that knows each certificate's own successor."""

    successors: dict[CertificateIdentity, SuccessorCertificate] = field(default_factory=dict)

    async def query_four_information(self, query: FourInformationQuery) -> FourInformationAnswer:
        self.successor = self.successors.get(query.identity)
        return await super().query_four_information(query)


@dataclass
class Customer:
    """One customer: the registration, the certificate of it, and the one after."""

    registration_id: str
    card: Card
    new: Card


@dataclass
class Refresher:
    """An institution that has its changed customers' items fetched."""

    service: Service
    jlis: JlisOfMany
    institution: TestInstitution

    @property
    def clock(self) -> Any:
        return self.service.world.clock

    @property
    def pool(self) -> Any:
        return self.service.world.database.app_pool

    async def put_policy(self, *, expect: int = 200, **changes: Any) -> dict[str, Any]:
        path = f"/v1/services/{self.institution.service_id}/refresh-policy"
        return await self.service.call(self.institution, "PUT", path, POLICY | changes, expect=expect)

    async def policy(self) -> dict[str, Any]:
        path = f"/v1/services/{self.institution.service_id}/refresh-policy"
        return await self.service.call(self.institution, "GET", path)

    async def begin(self, **policy: Any) -> None:
        await put_key(self.service, self.institution)
        await self.put_policy(**policy)

    async def customers(self, count: int, *, consents: bool = True) -> list[Customer]:
        """On-boarded, with a consent that is effective from the next day on."""
        found = []
        for number in range(count):
            card, new = make_card(sets.ca()), make_card(sets.ca())
            registration_id = await onboard(self.service, self.institution, card, f"r{number}")
            if consents:
                await consent(self.service, self.institution, card, registration_id)
            found.append(Customer(registration_id, card, new))
        return found

    async def move(self, customers: Iterable[Customer], reason: int = 3) -> None:
        """Their certificates are revoked with the next day's list."""
        await next_day(self.service, {one.card.serial: reason for one in customers})

    def reissue(self, customers: Iterable[Customer]) -> None:
        """J-LIS has their new certificates."""
        world = self.service.world
        for one in customers:
            self.jlis.successors[world.known(one.card).identity] = successor(world, one.new)

    async def run(self, pool: Any = None, **options: Any) -> InstitutionReport:
        """One pass over this institution."""
        passing = Passing(pool or self.pool, self.service.world.watcher, self.jlis, **options)
        return await passing.institution(self.institution.institution_id)

    async def deliveries(self) -> list[dict[str, Any]]:
        return list((await self.service.call(self.institution, "GET", "/v1/deliveries"))["deliveries"])

    async def take(self, delivery_id: str) -> dict[str, Any]:
        """Taken and decrypted."""
        taken = await self.service.call(self.institution, "GET", f"/v1/deliveries/{delivery_id}")
        return opened(taken["jwe"])[1]

    async def acknowledge(self, delivery_id: str) -> dict[str, Any]:
        path = f"/v1/deliveries/{delivery_id}:acknowledge"
        return await self.service.call(self.institution, "POST", path)

    async def state(self, customer: Customer) -> str:
        path = f"/v1/registrations/{customer.registration_id}"
        return str((await self.service.call(self.institution, "GET", path))["state"])

    async def told(self) -> list[tuple[str, str | None]]:
        """(type, action) of what the refresh announced, in order."""
        found = await self.service.world.events(self.institution)
        return [(e.type, e.action) for e in found if e.type.startswith("four_information.")]

    async def tasks(self) -> list[dict[str, Any]]:
        """Rows as they stand, behind the policies."""
        async with self.service.world.database.superuser() as connection:
            rows = await connection.fetch("SELECT * FROM refresh_task ORDER BY created_at, registration_id")
        return [dict(row) for row in rows]

    async def task(self) -> dict[str, Any]:
        (task,) = await self.tasks()
        return task


@pytest.fixture
async def refresher(world: World, institution: TestInstitution) -> AsyncIterator[Refresher]:
    """A service after its first night, and an institution of it."""
    jlis = JlisOfMany(world.clock)
    await world.day()
    async with serving(world, jlis) as running:
        yield Refresher(running, jlis, institution)
