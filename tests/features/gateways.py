"""A J-LIS in memory that enforces the port's contract: consents are kept, queries checked against them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from platform_api.certificates.birth_date import birth_date
from platform_api.certificates.four_items import FourInformation, TextItem, gender
from platform_api.consents.application import parse_application
from platform_api.consents.model import validity
from platform_api.jlis.gateway import (
    AuthorityOffer,
    ConsentReflection,
    ConsentSubmission,
    FourInformationAnswer,
    FourInformationQuery,
    GatewayRefused,
    PartitionOffer,
    QueryOutcome,
    SuccessorCertificate,
)
from revocation.clock import Clock
from revocation.errors import OutsideFailed
from tests.features.cards import Card
from tests.features.world import World

#: Planted in the answers; nowhere else in the product's data.
CANARY_NAME = "金糸雀　歌子"
CANARY_ADDRESS = "東京都千代田区カナリア町９－８－７"
CANARY_BIRTH = "419920229"


def canary(**changes: str) -> FourInformation:
    values = {"name": CANARY_NAME, "address": CANARY_ADDRESS, "date_of_birth": CANARY_BIRTH, "gender": "2"}
    values |= changes
    return FourInformation(
        name=TextItem(values["name"], "0" * len(values["name"])),
        address=TextItem(values["address"], "0" * len(values["address"])),
        date_of_birth=birth_date(values["date_of_birth"]),
        gender=gender(values["gender"]),
    )


@dataclass
class FakeJlis:
    """Contract: a query without an effective consent of its service gets CONSENT_MISSING, never items."""

    clock: Clock
    items: FourInformation = field(default_factory=canary)
    successor: SuccessorCertificate | None = None
    down: bool = False
    refuse: str | None = None
    consents: dict[str, ConsentReflection] = field(default_factory=dict)
    queries: list[FourInformationQuery] = field(default_factory=list)
    submissions: int = 0
    #: Called while a query is on its way, before the answer.
    meanwhile: Callable[[], object] | None = None

    async def authorities(self) -> Sequence[AuthorityOffer]:
        return ()

    async def partitions(self, ca_id: str) -> Sequence[PartitionOffer]:
        return ()

    async def submit_consent(self, submission: ConsentSubmission) -> ConsentReflection:
        self.submissions += 1
        self._reachable()
        if self.refuse is not None:
            raise GatewayRefused(self.refuse, expected="a", got="b", remedy="c")
        application = parse_application(submission.application)
        assert application.service_code == submission.service_code
        now = self.clock.now()
        bounds = validity(now, now)
        reflection = ConsentReflection(
            f"ref-{len(self.consents) + 1}", now, now, bounds.first, bounds.last, frozenset(application.items)
        )
        self.consents[submission.service_code] = reflection
        return reflection

    async def query_four_information(self, query: FourInformationQuery) -> FourInformationAnswer:
        self.queries.append(query)
        self._reachable()
        if self.meanwhile is not None:
            found = self.meanwhile()
            if hasattr(found, "__await__"):
                await found
        consent = self.consents.get(query.service_code)
        if consent is None or not consent.valid_from <= self.clock.now():
            return FourInformationAnswer(QueryOutcome.CONSENT_MISSING)
        assert set(query.items) <= consent.items, "asked for more than was consented"
        if self.successor is None:
            return FourInformationAnswer(QueryOutcome.NO_NEW_CERTIFICATE)
        if self.successor.identity == query.identity:
            return FourInformationAnswer(QueryOutcome.NO_NEWER_INFORMATION)
        items = FourInformation(**{item: getattr(self.items, item) for item in query.items})
        return FourInformationAnswer(QueryOutcome.DATA, items, self.successor, self.clock.now())

    def _reachable(self) -> None:
        if self.down:
            raise OutsideFailed("JLIS_TIMEOUT", expected="an answer", got="none", remedy="later")


def successor(world: World, card: Card) -> SuccessorCertificate:
    """What J-LIS says of a newer card."""
    known = world.known(card)
    return SuccessorCertificate(known.identity, known.validity, known.partition)


ONE_DAY = timedelta(days=1)
