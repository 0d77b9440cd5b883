"""A J-LIS in memory that enforces the port's contract: consents are kept, queries checked against them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from platform_api.certificates.birth_date import birth_date
from platform_api.certificates.four_items import FourInformation, TextItem, gender
from platform_api.consents.application import parse_application
from platform_api.consents.model import validity
from platform_api.consents.withdrawal_application import parse_withdrawal
from platform_api.jlis.gateway import (
    AuthorityOffer,
    ConsentReflection,
    ConsentSubmission,
    FourInformationAnswer,
    FourInformationQuery,
    GatewayRefused,
    LinkageAnswer,
    LinkageOutcome,
    LinkageQuery,
    PartitionOffer,
    QueryOutcome,
    SuccessorCertificate,
    Withdrawal,
    WithdrawalPage,
    WithdrawalReceipt,
    WithdrawalSubmission,
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
    #: The newest one of each service, and each one by its reference.
    consents: dict[str, ConsentReflection] = field(default_factory=dict)
    taken: dict[str, tuple[str, ConsentReflection]] = field(default_factory=dict)
    references: dict[UUID, str] = field(default_factory=dict)
    #: False: received, and reflected only when ``reflect`` is called.
    reflects: bool = True
    #: J-LIS's own end of the period, where it is the narrower one.
    until: datetime | None = None
    #: J-LIS takes what it is sent, and its answer is lost.
    answer_lost: bool = False
    queries: list[FourInformationQuery] = field(default_factory=list)
    submissions: int = 0
    #: Called while a consent is on its way, before J-LIS has it.
    while_submitting: Callable[[], Awaitable[None]] | None = None
    #: What J-LIS has of withdrawals, in its order; a test may add one that came by J-LIS's own application.
    withdrawals: list[Withdrawal] = field(default_factory=list)
    polls: int = 0
    #: By which codes withdrawals were asked for.
    polled_by: list[str] = field(default_factory=list)
    #: Those that were given out; J-LIS knows no other. Emptied: it has forgotten all readers' places.
    cursors: set[str] = field(default_factory=set)
    page: int = 1000
    linked: SuccessorCertificate | None = None
    linkage_queries: list[LinkageQuery] = field(default_factory=list)
    #: Called while a query is on its way, before the answer.
    meanwhile: Callable[[], object] | None = None
    #: DATA though the consent has ended by the time of the answer: J-LIS had looked before.
    answers_regardless: bool = False

    async def authorities(self) -> Sequence[AuthorityOffer]:
        return ()

    async def partitions(self, ca_id: str) -> Sequence[PartitionOffer]:
        return ()

    async def submit_consent(self, submission: ConsentSubmission) -> ConsentReflection:
        self.submissions += 1
        self._reachable()
        if self.while_submitting is not None:
            await self.while_submitting()
        if self.refuse is not None:
            raise GatewayRefused(self.refuse, expected="a", got="b", remedy="c")
        application = parse_application(submission.application)
        assert application.service_code == submission.service_code
        ref = self.references.setdefault(application.application_number, f"ref-{len(self.references) + 1}")
        if ref not in self.taken:
            now, items = self.clock.now(), frozenset(application.items)
            received = ConsentReflection(ref, now, None, None, None, items)
            self._keep(submission.service_code, received)
            if self.reflects:
                self.reflect(ref)
        self._answer()
        return self.taken[ref][1]

    def reflect(self, ref: str) -> None:
        """Put it into force, from the day after."""
        service_code, received = self.taken[ref]
        now = self.clock.now()
        bounds = validity(now, now)
        until = self.until or bounds.last
        reflection = replace(received, reflected_at=now, valid_from=bounds.first, valid_until=until)
        self._keep(service_code, reflection)

    def _keep(self, service_code: str, reflection: ConsentReflection) -> None:
        self.taken[reflection.consent_ref] = (service_code, reflection)
        self.consents[service_code] = reflection

    async def query_four_information(self, query: FourInformationQuery) -> FourInformationAnswer:
        self.queries.append(query)
        self._reachable()
        if self.meanwhile is not None:
            found = self.meanwhile()
            if hasattr(found, "__await__"):
                await found
        consent = self.consents.get(query.service_code)
        if self.answers_regardless and self.successor is not None:
            items = FourInformation(**{item: getattr(self.items, item) for item in query.items})
            return FourInformationAnswer(QueryOutcome.DATA, items, self.successor, self.clock.now())
        if consent is not None and consent.withdrawn_at is not None:
            return FourInformationAnswer(QueryOutcome.CONSENT_WITHDRAWN)
        if consent is None or consent.valid_from is None or not consent.valid_from <= self.clock.now():
            return FourInformationAnswer(QueryOutcome.CONSENT_MISSING)
        assert set(query.items) <= consent.items, "asked for more than was consented"
        if self.successor is None:
            return FourInformationAnswer(QueryOutcome.NO_NEW_CERTIFICATE)
        if self.successor.identity == query.identity:
            return FourInformationAnswer(QueryOutcome.NO_NEWER_INFORMATION)
        items = FourInformation(**{item: getattr(self.items, item) for item in query.items})
        return FourInformationAnswer(QueryOutcome.DATA, items, self.successor, self.clock.now())

    async def consent_state(self, consent_ref: str) -> ConsentReflection:
        self._reachable()
        if consent_ref in self.taken:
            return self.taken[consent_ref][1]
        raise GatewayRefused("JLIS_CONSENT_UNKNOWN", expected="a", got="b", remedy="c")

    async def withdraw_consent(self, submission: WithdrawalSubmission) -> WithdrawalReceipt:
        self._reachable()
        now = self.clock.now()
        if self.refuse is not None:
            raise GatewayRefused(self.refuse, expected="a", got="b", remedy="c")
        service_code, _ = self.taken.get(submission.consent_ref, ("", None))
        if service_code != submission.service_code:
            raise GatewayRefused("JLIS_CONSENT_UNKNOWN", expected="a", got="b", remedy="c")
        application = parse_withdrawal(submission.application)
        assert self.references[application.consent_application_number] == submission.consent_ref
        if all(known.consent_ref != submission.consent_ref for known in self.withdrawals):
            self.withdraw_ref(submission.consent_ref)
        self._answer()
        return WithdrawalReceipt(submission.consent_ref, now, now)

    def withdraw(self, service_code: str) -> None:
        """The holder withdraws, by whichever way; from now on J-LIS gives nothing by this consent."""
        self.withdraw_ref(self.consents[service_code].consent_ref)

    @staticmethod
    def without_withdrawal(reflection: ConsentReflection) -> ConsentReflection:
        """As J-LIS would say it, did it not repeat withdrawals."""
        return replace(reflection, withdrawn_at=None)

    def withdraw_ref(self, ref: str) -> None:
        service_code, reflection = self.taken[ref]
        now = self.clock.now()
        self.taken[ref] = (service_code, replace(reflection, withdrawn_at=now))
        if self.consents[service_code].consent_ref == ref:
            self.consents[service_code] = self.taken[ref][1]
        self.withdrawals.append(Withdrawal(ref, service_code, now))

    async def poll_withdrawals(self, provider_code: str, cursor: str | None) -> WithdrawalPage:
        self.polls += 1
        self.polled_by.append(provider_code)
        self._reachable()
        if cursor is not None and cursor not in self.cursors:
            raise GatewayRefused("JLIS_CURSOR_REFUSED", expected="a", got="b", remedy="c")
        first = int(cursor or 0)
        found = tuple(self.withdrawals[first : first + self.page])
        last = first + len(found)
        page = WithdrawalPage(found, str(last), self.clock.now(), more=last < len(self.withdrawals))
        self.cursors.add(page.cursor)
        self._answer()
        return page

    async def query_linkage(self, query: LinkageQuery) -> LinkageAnswer:
        assert query.customer_agreed, "asked without the customer's agreement"
        self.linkage_queries.append(query)
        self._reachable()
        if self.linked is None:
            return LinkageAnswer(LinkageOutcome.NONE)
        return LinkageAnswer(LinkageOutcome.LINKED, self.linked)

    async def ask_ocsp(self, ca_id: str, request: bytes) -> bytes:
        raise OutsideFailed("JLIS_OCSP_ABSENT", expected="a responder", got="none", remedy="set one up")

    def _reachable(self) -> None:
        if self.down:
            raise OutsideFailed("JLIS_TIMEOUT", expected="an answer", got="none", remedy="later")

    def _answer(self) -> None:
        if self.answer_lost:
            raise OutsideFailed("JLIS_TIMEOUT", expected="an answer", got="none", remedy="later")


def successor(world: World, card: Card) -> SuccessorCertificate:
    """What J-LIS says of a newer card."""
    known = world.known(card)
    return SuccessorCertificate(known.identity, known.validity, known.partition)


ONE_DAY = timedelta(days=1)
