"""One fetch: permission, the question to J-LIS, and what of the answer is kept (never an item).

Two transactions with the question between them. The second looks again at the consent and at the
registration: an answer that arrives after the consent ended, or after the registration went on to another
certificate, is thrown away unread.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias
from uuid import UUID, uuid4

from platform_api.certificates.four_items import FourInformation
from platform_api.changes.model import RegistrationState
from platform_api.changes.store import Notice, announce
from platform_api.consents import store as consents
from platform_api.consents.model import Consent
from platform_api.consents.reflecting import withdrawn_at_jlis
from platform_api.db.transactions import tenant
from platform_api.deliveries.model import DeliveryPurpose
from platform_api.deliveries.store import delete_replaced
from platform_api.differences import NOT_COMPUTED, Difference, Differences, Person, differences
from platform_api.four_information import store as queries
from platform_api.four_information.cap import cap_reached, day_began
from platform_api.four_information.comparing import person_of
from platform_api.four_information.model import (
    Outcome,
    Permission,
    overtaken,
    permission,
    restricted,
    state_after,
)
from platform_api.four_information.plausibility import PERSON_MISMATCH, implausible, successor_kind
from platform_api.four_information.rules import DEFAULT_RULES, FetchRules
from platform_api.jlis.gateway import (
    FourInformationAnswer,
    FourInformationQuery,
    GatewayRefused,
    SuccessorCertificate,
)
from platform_api.problems import not_found
from platform_api.registrations import store as registrations
from platform_api.registrations.model import CURRENT, PENDING, Registration, Watched, WatchedIdentity
from platform_api.registrations.watching import Watcher, WatchTransaction
from revocation.errors import OutsideFailed

if TYPE_CHECKING:
    from platform_api.db.transactions import Connection, Pool
    from platform_api.jlis.gateway import Gateway


#: Called with a DATA answer's items inside the transaction that keeps its successor, and last in it: what it
#: writes (a delivery, an event) is there with the successor or not at all. It may raise: then neither is.
OnData: TypeAlias = "Callable[[Connection, FourInformation, UUID, Registration], Awaitable[None]]"


@dataclass(frozen=True, slots=True)
class Fetched:
    """How a fetch ended; the items live only here and in the response."""

    query_id: UUID
    outcome: Outcome
    items: FourInformation | None
    registration: Registration
    #: Which rule or failure led to the outcome, as the query's log has it.
    detail_code: str | None = None
    #: False: J-LIS could not be asked, and nothing is known.
    reached: bool = True
    #: With DATA, against what the caller knew; computed in memory from both, which are not kept.
    differences: Differences = NOT_COMPUTED


#: Called with what keeps an answer with items, or throws it away; it may be called again after it raised.
Keeping: TypeAlias = Callable[[Callable[[], Awaitable[Fetched]]], Awaitable[Fetched]]


@dataclass(frozen=True, slots=True)
class _Question:
    """What the first transaction found: whom to ask about, and with which consent."""

    registration: Registration
    watched: Watched
    consent: Consent
    service_code: str
    items: tuple[str, ...]

    def overtaken(
        self, consent: Consent, now: datetime, current_id: UUID | None
    ) -> tuple[Outcome, str] | None:
        return overtaken(consent, self.items, now, asked_with=self.watched, current_id=current_id)


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Fetches for one institution."""

    pool: Pool
    watcher: Watcher
    gateway: Gateway
    institution_id: UUID
    on_data: OnData | None = None
    rules: FetchRules = DEFAULT_RULES
    #: Does what follows from an answer with items, which was paid for; a batch may do it again.
    keeping: Keeping | None = None

    async def fetch(
        self,
        registration_id: UUID,
        asked: Sequence[str],
        consent_id: UUID | None,
        *,
        known: Person | None = None,
        service_id: UUID | None = None,
    ) -> Fetched:
        """``known``: what the caller has of the customer, to say what became of it and to discard another
        person's answer. ``service_id``: whose the registration must be."""
        query_id = uuid4()
        question = await self._question(query_id, registration_id, asked, consent_id, service_id)
        if isinstance(question, Fetched):
            return question
        query = FourInformationQuery(
            question.watched.identity.identity, question.service_code, question.items
        )
        try:
            answer = await self.gateway.query_four_information(query)
        except (OutsideFailed, GatewayRefused) as failed:
            found = await self._without_items(query_id, question, Outcome.TEMPORARY, failed.code)
            return replace(found, reached=isinstance(failed, GatewayRefused))
        outcome = Outcome(answer.outcome.value)
        if outcome is not Outcome.DATA:
            return await self._without_items(query_id, question, outcome, None)
        return await self._paid(query_id, question, lambda: self._data(query_id, question, answer, known))

    async def _question(
        self,
        query_id: UUID,
        registration_id: UUID,
        asked: Sequence[str],
        consent_id: UUID | None,
        service_id: UUID | None,
    ) -> _Question | Fetched:
        now = self.watcher.clock.now()
        async with tenant(self.pool, self.institution_id) as connection:
            registration = await registrations.find(connection, registration_id)
            if registration is None or service_id not in (None, registration.service_id):
                raise not_found()
            known = await self._consents(connection, registration_id, consent_id)
            slots = await self.watcher.open_slots(connection, self.institution_id, registration_id)
            # Until the new certificate is acknowledged a re-fetch asks with the old one (design section 9).
            watched = slots.get(CURRENT)
            service_code = await registrations.service_code(connection, registration.service_id)
            may = (
                Permission(None, (), Outcome.CERTIFICATE_UNKNOWN)
                if watched is None
                else permission(known, asked, now, watched.holder_id)
            )
            if may.refusal is not None or may.consent is None or watched is None or service_code is None:
                outcome = may.refusal or Outcome.CONSENT_MISSING
                consent = may.consent.consent_id if may.consent is not None else None
                formers = outcome is Outcome.CONSENT_MISSING and consent is None and bool(known)
                code = "CONSENT_OF_FORMER_HOLDER" if formers else "REFUSED_BY_US"
                await self._log(connection, query_id, registration_id, consent, asked, now, outcome, code)
                return Fetched(query_id, outcome, None, registration, code)
            await self._under_cap(connection, registration.service_id, now)
        return _Question(registration, watched, may.consent, service_code, may.items)

    async def _consents(
        self, connection: Connection, registration_id: UUID, consent_id: UUID | None
    ) -> list[Consent]:
        known = await consents.of_registration(connection, registration_id)
        if consent_id is None:
            return known
        named = [consent for consent in known if consent.consent_id == consent_id]
        if not named:
            raise not_found()
        return named

    async def _under_cap(self, connection: Connection, service_id: UUID, now: datetime) -> None:
        """Those on their way at this moment are not counted: as many may go beyond the cap."""
        cap = self.rules.daily_cap
        if await queries.count_data(connection, service_id, day_began(now), cap) >= cap:
            raise cap_reached(now)

    async def _without_items(
        self,
        query_id: UUID,
        question: _Question,
        outcome: Outcome,
        code: str | None,
        *,
        with_items: bool = False,
    ) -> Fetched:
        """``with_items``: there were some, and they are thrown away."""
        registration_id = question.registration.registration_id
        now = self.watcher.clock.now()
        async with tenant(self.pool, self.institution_id) as connection:
            registration = await registrations.find(connection, registration_id, lock=True)
            consent = await consents.locked(connection, question.consent.consent_id)
            if registration is None or consent is None:
                raise not_found()
            current = (await registrations.watched_rows(connection, registration_id)).get(CURRENT)
            current_id = None if current is None else current["certificate_id"]
            passed = None if outcome is Outcome.TEMPORARY else question.overtaken(consent, now, current_id)
            notices: list[Notice] = []
            if passed is not None:
                outcome, code = passed
            elif outcome is Outcome.CONSENT_WITHDRAWN:
                # Ours was effective a moment ago: J-LIS's refusal wins, and the next poll may be a day away.
                notices = await withdrawn_at_jlis(connection, self.institution_id, consent, now, now)
            state = state_after(outcome, registration.state)
            await registrations.set_state(connection, registration_id, state, now)
            await self._log_answer(connection, query_id, question, now, outcome, code, with_items=with_items)
            registration = await registrations.find(connection, registration_id) or registration
            await announce(connection, self.institution_id, notices, now)
        return Fetched(query_id, outcome, None, registration, code)

    async def _paid(
        self, query_id: UUID, question: _Question, keep: Callable[[], Awaitable[Fetched]]
    ) -> Fetched:
        """An answer with items that could not be kept stands in the log, and counts."""
        try:
            return await (keep() if self.keeping is None else self.keeping(keep))
        except Exception:
            registration_id, now = question.registration.registration_id, self.watcher.clock.now()
            async with tenant(self.pool, self.institution_id) as connection:
                if await registrations.find(connection, registration_id) is not None:
                    not_kept = (Outcome.TEMPORARY, "ANSWER_NOT_KEPT")
                    await self._log_answer(connection, query_id, question, now, *not_kept, with_items=True)
            raise

    async def _data(
        self, query_id: UUID, question: _Question, answer: FourInformationAnswer, known: Person | None
    ) -> Fetched:
        code = implausible(
            answer,
            question.watched,
            question.items,
            self.watcher.authorities,
            self.watcher.clock.now(),
            person_check=self.rules.person_check,
        )
        if code is not None or answer.certificate is None or answer.items is None:
            return await self._without_items(query_id, question, Outcome.TEMPORARY, code, with_items=True)
        items = restricted(answer.items, question.items)
        compared = NOT_COMPUTED if known is None else differences(known, person_of(items))
        if compared.overall is Difference.PERSON_MISMATCH:
            return await self._without_items(
                query_id, question, Outcome.TEMPORARY, PERSON_MISMATCH, with_items=True
            )
        registration_id = question.registration.registration_id
        async with self.watcher.transaction(self.pool, self.institution_id) as work:
            registration = await registrations.find(work.connection, registration_id, lock=True)
            consent = await consents.find(work.connection, question.consent.consent_id, share=True)
            if registration is None or consent is None:
                raise not_found()
            slots = await work.slots(registration_id)
            current = slots.get(CURRENT)
            passed = question.overtaken(
                consent, work.now, None if current is None else current.certificate_id
            )
            outcome, detail = passed or (Outcome.DATA, None)
            if passed is None:
                await self._keep_successor(work, question.watched, slots, answer.certificate, query_id)
                await registrations.set_state(
                    work.connection, registration_id, RegistrationState.CHANGED_DATA_AVAILABLE, work.now
                )
            await self._log_answer(
                work.connection, query_id, question, work.now, outcome, detail, with_items=True
            )
            registration = await registrations.find(work.connection, registration_id) or registration
            if passed is None:
                # Items that wait from an older answer could not be acknowledged any more.
                await delete_replaced(
                    work.connection, DeliveryPurpose.FOUR_INFORMATION, registration_id, None
                )
                if self.on_data is not None:
                    await self.on_data(work.connection, items, query_id, registration)
        if passed is not None:
            return Fetched(query_id, outcome, None, registration, detail)
        return Fetched(query_id, outcome, items, registration, differences=compared)

    async def _keep_successor(
        self,
        work: WatchTransaction,
        current: Watched,
        slots: dict[str, Watched],
        new: SuccessorCertificate,
        query_id: UUID,
    ) -> None:
        """Sealed and watched from now on; the same answer again only renews the query by which it is
        acknowledged, a newer one replaces it."""
        pending = slots.get(PENDING)
        if pending is not None and pending.identity.identity == new.identity:
            await registrations.set_query(work.connection, pending.certificate_id, query_id)
            return
        if pending is not None:
            await registrations.delete_watched(work.connection, current.registration_id, PENDING)
        await work.begin(
            current.registration_id,
            PENDING,
            successor_kind(new, current, self.watcher.authorities) or current.kind,
            # Without a partition: J-LIS's number of it is not ours, and the certificate, which names its
            # distribution point, was not shown. GOOD then needs every list of the CA, the safe side.
            WatchedIdentity(new.identity, new.validity, None),
            successor_of=current,
            query_id=query_id,
        )

    async def _log_answer(
        self,
        connection: Connection,
        query_id: UUID,
        question: _Question,
        at: datetime,
        outcome: Outcome,
        detail_code: str | None,
        *,
        with_items: bool,
    ) -> None:
        """What J-LIS was asked, and how that ended."""
        await self._log(
            connection,
            query_id,
            question.registration.registration_id,
            question.consent.consent_id,
            question.items,
            at,
            outcome,
            detail_code,
            with_items=with_items,
        )

    async def _log(
        self,
        connection: Connection,
        query_id: UUID,
        registration_id: UUID,
        consent_id: UUID | None,
        items: Sequence[str],
        asked_at: datetime,
        outcome: Outcome,
        detail_code: str | None,
        *,
        with_items: bool = False,
    ) -> None:
        await queries.log_query(
            connection,
            self.institution_id,
            query_id=query_id,
            registration_id=registration_id,
            consent_id=consent_id,
            items=items,
            asked_at=asked_at,
            outcome=outcome.value,
            detail_code=detail_code,
            with_items=with_items,
        )
