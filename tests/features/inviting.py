"""Steps of a letter: the institution's, the customer's, and an app in memory that plays card or phone."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from platform_api.config import Settings
from platform_api.consents.receipts import ReceiptSigner
from platform_api.consents.receiving import ConsentReceiver, SignedApplication
from platform_api.holder_apps.port import Departure, HolderAppFailed, Signed, SigningRequest
from platform_api.invitations.signing import Completing, Result
from platform_api.invitations.tokens import LetterHashes
from platform_api.keys import HOLDER_APPS, SETTINGS
from tests.base.postgres import TestInstitution
from tests.features.cards import Card
from tests.features.delivering import opened
from tests.features.gateways import FakeJlis
from tests.features.service import Service, b64, serving
from tests.features.world import World, everything

PUBLIC = "https://letters.example"


@dataclass
class FakeApp:
    """Contract: a code works once and with its own ticket; what was announced is what is signed; return
    addresses hold no secret."""

    name: str = "sandbox"
    usable: bool = True
    origin: str = "https://app.example"
    down: bool = False
    #: By state.
    requests: dict[str, SigningRequest] = field(default_factory=dict)
    tickets: dict[str, str] = field(default_factory=dict)
    results: dict[str, tuple[str, Signed]] = field(default_factory=dict)

    async def start(self, request: SigningRequest) -> Departure:
        self._reachable()
        assert request.state not in self.requests, "a state parameter used twice"
        assert request.return_url == f"{PUBLIC}/c/callback/{self.name}"
        self.requests[request.state] = request
        self.tickets[request.state] = secrets.token_urlsafe(12)
        return Departure(f"{self.origin}/sign?r={secrets.token_urlsafe(8)}", self.tickets[request.state])

    async def finish(self, ticket: str, code: str) -> Signed:
        self._reachable()
        expected, signed = self.results.pop(code)
        assert ticket == expected, "another request's ticket"
        return signed

    def sign(self, state: str, card: Card, *, person: str | None = None, octets: bytes | None = None) -> str:
        """The holder signs; gives the code that his browser brings back."""
        application = self.requests[state].application if octets is None else octets
        code = secrets.token_urlsafe(12)
        self.results[code] = (self.tickets[state], signed_by(card, application, person))
        return code

    def _reachable(self) -> None:
        if self.down:
            raise HolderAppFailed("HOLDER_APP_FAILED", expected="an answer", got="none", remedy="later")


def signed_by(card: Card, application: bytes, person: str | None = None) -> Signed:
    """``person``: his pairwise id at this service; otherwise the card's own."""
    signature = SignedApplication(application, card.sign(application), card.algorithm, card.der)
    return Signed(signature, person or f"ppid-{card.serial}")


@asynccontextmanager
async def letters(
    world: World,
    jlis: FakeJlis | None,
    *,
    public_url: str | None = PUBLIC,
    app: FakeApp | None = None,
    state: Mapping[web.AppKey[Any], Any] | None = None,
    **settings: Any,
) -> AsyncIterator[Service]:
    """A service that customers reach."""
    offered = app or FakeApp()
    keys: dict[web.AppKey[Any], Any] = {
        SETTINGS: await asyncio.to_thread(Settings, mode="sandbox", public_url=public_url, **settings),
        HOLDER_APPS: {offered.name: offered},
    }
    async with serving(world, jlis, state=keys | dict(state or {})) as running:
        yield running


def wish(institution: TestInstitution, **changes: Any) -> dict[str, Any]:
    """Body of POST /v1/consent-invitations, by references unless a registration is named."""
    body: dict[str, Any] = {
        "service_id": str(institution.service_id),
        "items": ["name", "address"],
        "expires_in_days": 30,
    }
    if "registration_id" not in changes:
        body |= {"registration_ref": "account-1", "customer_ref": "customer-1"}
    return body | changes


async def invite(service: Service, institution: TestInstitution, **changes: Any) -> dict[str, Any]:
    body = wish(institution, **changes)
    return await service.call(institution, "POST", "/v1/consent-invitations", body, expect=201)


async def shown(service: Service, institution: TestInstitution, invitation_id: str) -> dict[str, Any]:
    return await service.call(institution, "GET", f"/v1/consent-invitations/{invitation_id}")


async def act(
    service: Service, institution: TestInstitution, invitation_id: str, what: str, **more: Any
) -> dict[str, Any]:
    return await service.call(institution, "POST", f"/v1/consent-invitations/{invitation_id}:{what}", **more)


async def taken(
    service: Service, institution: TestInstitution, delivery_id: str
) -> tuple[dict[str, str], dict[str, Any]]:
    """The institution takes the delivery of who signed: what confirms, and the items that it compares."""
    answer = await service.call(institution, "GET", f"/v1/deliveries/{delivery_id}")
    content = opened(answer["jwe"])[1]["payload"]
    names = ("application", "signature", "signature_algorithm", "certificate")
    return {name: content[name] for name in names}, content["four_information"]


def body_of(signed: SignedApplication) -> dict[str, str]:
    return {
        "application": b64(signed.application),
        "signature": b64(signed.signature),
        "signature_algorithm": signed.signature_algorithm,
        "certificate": b64(signed.certificate),
    }


@dataclass
class Letter:
    """An invitation with what only its receiver and the tests know."""

    invitation_id: str
    url: str

    @property
    def path(self) -> str:
        return self.url.removeprefix(PUBLIC)


async def letter(service: Service, institution: TestInstitution, **changes: Any) -> Letter:
    made = await invite(service, institution, **changes)
    return Letter(made["invitation_id"], made["url"])


def completing(service: Service, jlis: FakeJlis) -> Completing:
    world = service.world
    pool, watcher = world.database.app_pool, world.watcher
    receipts = ReceiptSigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
    return Completing(
        pool,
        watcher,
        lambda principal: ConsentReceiver(pool, watcher, jlis, principal, receipts),
        LetterHashes(world.database.hasher),
    )


async def complete(
    service: Service, jlis: FakeJlis, institution: TestInstitution, invitation_id: str, signed: Signed
) -> Result:
    return await completing(service, jlis).complete(institution.institution_id, UUID(invitation_id), signed)


async def rows_of(service: Service, *tables: str) -> dict[str, int]:
    """How many rows each of these tables has, whoever's."""
    rows = await everything(service.world.database)
    return {table: len(rows[table]) for table in tables}


async def told(service: Service, institution: TestInstitution) -> list[str]:
    """The types of this institution's events, in their order."""
    return [event.type for event in await service.world.events(institution)]
