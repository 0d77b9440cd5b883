"""Consents at random against a dictionary: receive, reflect, clock, withdraw, poll, stop, fetch, crash.

Never is J-LIS asked for items without an effective consent, and every event is told exactly once, in order.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, TypeVar
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from platform_api.certificates.four_items import ITEMS
from platform_api.consents import accept, accept_withdrawal, store, withdrawal_store
from platform_api.consents.application import TEXT_VERSION, Application, write_application
from platform_api.consents.history_store import HistoryRow, history
from platform_api.consents.maintenance import maintain
from platform_api.consents.model import JST, ConsentState
from platform_api.consents.polling import poll
from platform_api.consents.receipts import ReceiptSigner
from platform_api.consents.receiving import ConsentReceiver, SignedApplication
from platform_api.consents.states import may_follow
from platform_api.consents.stopping import stop
from platform_api.consents.withdrawal_application import WithdrawalApplication, write_withdrawal
from platform_api.consents.withdrawing import ConsentWithdrawer
from platform_api.db.transactions import tenant
from platform_api.four_information.fetch import Fetcher
from platform_api.jlis.gateway import (
    ConsentReflection,
    FourInformationAnswer,
    FourInformationQuery,
    QueryOutcome,
)
from platform_api.problems import Problem
from tests import pki
from tests.base.postgres import TestInstitution, make_institution
from tests.features.cards import Card, make_card
from tests.features.crashing import Crash, CrashingPool, DiesAfterCommit
from tests.features.gateways import ONE_DAY, FakeJlis
from tests.features.test_consent_validity import _counted
from tests.features.world import World
from tests.revocation import sets

Result = TypeVar("Result")

_RECEIPTS = ReceiptSigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
_BEGIN = sets.T0 + timedelta(hours=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=JST)
_MOMENT = timedelta(microseconds=1)


class Answering(FakeJlis):
    """It has no newer certificate: every question that reaches it is seen, and none teaches anything."""

    async def query_four_information(self, query: FourInformationQuery) -> FourInformationAnswer:
        self.queries.append(query)
        return FourInformationAnswer(QueryOutcome.NO_NEW_CERTIFICATE)


@dataclass
class Known:
    """What the oracle knows of one consent: dates and what was told, nothing of the product's."""

    signed: SignedApplication = field(repr=False)
    received_at: datetime
    consent_id: UUID | None = None
    ref: str | None = None
    first: datetime | None = None
    over: datetime | None = None
    stop: datetime | None = None
    asked_at: datetime | None = None
    ended: str | None = None
    told: list[str] = field(default_factory=list)
    withdrawal: SignedApplication | None = field(default=None, repr=False)

    def stops(self) -> datetime | None:
        return None if self.stop is None or (self.over is not None and self.stop >= self.over) else self.stop

    def advance(self, until: datetime) -> None:
        stop_at = self.stops()
        if self.ended is not None:
            return
        if self.first is not None and self.over is not None:
            expiring = max(self.first, self.over - timedelta(seconds=1) - 90 * ONE_DAY)
            for at, name in ((self.first, "effective"), (expiring, "expiring"), (self.over, "expired")):
                if at <= until and name not in self.told and (stop_at is None or at < stop_at):
                    self.told.append(name)
                    self.ended = name if name == "expired" else None
        if stop_at is not None and stop_at <= until and self.ended is None:
            self.told.append("stopped")
            self.ended = "stopped"

    def withdrawn(self, at: datetime, now: datetime) -> None:
        at = min(at, now)
        over = self.over is not None and at >= self.over and self.stops() is None
        if self.ended == "expired" or (over and self.ended is None):
            self.advance(now)
        elif self.ended != "withdrawn":
            self.advance(at)
            self.told.append("withdrawn")
            self.ended = "withdrawn"

    def allows(self, now: datetime) -> bool:
        stop_at = self.stops()
        if self.ended is not None or self.first is None or self.over is None:
            return False
        return self.first <= now < self.over and (stop_at is None or now < stop_at)

    def on_its_way(self, now: datetime) -> bool:
        return self.ended is None and self.first is None and (self.stop is None or now < self.stop)

    def period(self, reflected_at: datetime) -> tuple[datetime, datetime]:
        """First instant and the first one after, by both rules; the wrong way round where nothing is left."""
        one, two = _counted(self.received_at), _counted(reflected_at)
        return _EPOCH + max(one[0], two[0]) * ONE_DAY, _EPOCH + (min(one[1], two[1]) + 1) * ONE_DAY

    def covers_nothing(self, said: ConsentReflection) -> bool:
        """J-LIS put it into force when the ten years since we received it were over."""
        if said.reflected_at is None:
            return False
        first, over = self.period(said.reflected_at)
        return first >= over

    def learn(self, said: ConsentReflection, unknown: dict[str, datetime], now: datetime) -> None:
        self.ref = said.consent_ref
        if said.reflected_at is not None and self.on_its_way(now) and not self.covers_nothing(said):
            self.first, self.over = self.period(said.reflected_at)
        withdrawn_at = said.withdrawn_at or unknown.get(said.consent_ref)
        if withdrawn_at is None:
            self.advance(now)
        else:
            self.withdrawn(withdrawn_at, now)


class Life(RuleBasedStateMachine):
    """One customer of one institution, several consents."""

    world: World
    loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        super().__init__()
        self.world.clock.set(_BEGIN)
        self.jlis = Answering(self.world.clock)
        self.known: list[Known] = []
        self.unknown: dict[str, datetime] = {}
        self.read = 0
        self.crash: tuple[bool, int] | None = None
        self.institution: TestInstitution = self.run(make_institution(self.world.database))
        self.card: Card = make_card(sets.ca(), not_after=pki.T0 + timedelta(days=9000))
        made = self.run(self.world.register(self.institution, self.card))
        self.registration_id = made.registration.registration_id

    # How a rule acts: on the test's own loop; a crash that was drawn strikes once, and the act is done again.

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=60)

    def act(self, work: Callable[[Any], Coroutine[Any, Any, Result]]) -> Result:
        pool, crash = self.world.database.app_pool, self.crash
        self.crash = None
        if crash is not None:
            after_commit, at = crash
            try:
                return self.run(
                    work(DiesAfterCommit(pool, at + 1) if after_commit else CrashingPool(pool, at))
                )
            except Crash:
                pass
        return self.run(work(pool))

    @property
    def now(self) -> datetime:
        return self.world.clock.now()

    def signed(self, octets: bytes) -> SignedApplication:
        return SignedApplication(octets, self.card.sign(octets), self.card.algorithm, self.card.der)

    def hand_in(self, known: Known) -> None:
        async def work(pool: Any) -> tuple[UUID | None, int]:
            receiver = ConsentReceiver(
                pool, self.world.watcher, self.jlis, self.institution.principal, _RECEIPTS
            )
            try:
                return (await receiver.take(self.registration_id, known.signed)).consent_id, 201
            except Problem as problem:
                if problem.status not in (502, 503):
                    raise
                return None, problem.status

        on_its_way = known.consent_id is None or (known.ended is None and known.first is None)
        found, status = self.act(work)
        if known.consent_id is None:
            known.consent_id = self.run(self._newest())
        assert found in (None, known.consent_id)
        if status == 502:  # J-LIS's name of it is kept all the same
            said = self.jlis.taken[self.jlis.references[_number(known.signed)]][1]
            assert known.covers_nothing(said)
            known.learn(said, self.unknown, self.now)
        elif found is not None and on_its_way and known.on_its_way(self.now):
            ref = self.jlis.references[_number(known.signed)]
            known.learn(self.jlis.taken[ref][1], self.unknown, self.now)
        elif found is not None and on_its_way:
            known.ref = self.jlis.references[_number(known.signed)]
            known.advance(self.now)

    async def _newest(self) -> UUID:
        ids = [known.consent_id for known in self.known]
        async with tenant(self.world.database.app_pool, self.institution.institution_id) as connection:
            found = await store.of_registration(connection, self.registration_id)
        (new,) = [one.consent_id for one in found if one.consent_id not in ids]
        return new

    # The rules.

    @precondition(lambda self: len(self.known) < 3)
    @rule(reflects=st.booleans(), lost=st.booleans(), items=st.sampled_from([ITEMS, ("name",)]))
    def receive(self, reflects: bool, lost: bool, items: tuple[str, ...]) -> None:
        application = Application(
            institution_code=str(self.institution.institution_id),
            service_code=self.institution.service_code,
            items=tuple(items),
            text_version=TEXT_VERSION,
            application_number=uuid4(),
            created_at=self.now.replace(microsecond=0),
        )
        octets = write_application(application)
        issued = store.IssuedApplication(
            application_number=application.application_number,
            registration_id=self.registration_id,
            service_id=self.institution.service_id,
            items=application.items,
            text_version=TEXT_VERSION,
            sha256=hashlib.sha256(octets).digest(),
            created_at=self.now,
        )
        self.run(self._issue(issued))
        known = Known(self.signed(octets), self.now)
        self.jlis.reflects, self.jlis.answer_lost = reflects, lost
        self.hand_in(known)
        self.known.append(known)
        self.jlis.answer_lost = False
        self.compare()

    async def _issue(self, issued: store.IssuedApplication) -> None:
        async with tenant(self.world.database.app_pool, self.institution.institution_id) as connection:
            await store.insert_application(connection, self.institution.institution_id, issued)

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def hand_in_again(self, data: st.DataObject) -> None:
        self.hand_in(data.draw(st.sampled_from(self.known)))
        self.compare()

    @precondition(lambda self: self.jlis.taken)
    @rule(data=st.data())
    def reflect_at_jlis(self, data: st.DataObject) -> None:
        ref = data.draw(st.sampled_from(sorted(self.jlis.taken)))
        if self.jlis.taken[ref][1].reflected_at is None:
            self.jlis.reflect(ref)

    @precondition(lambda self: self.jlis.taken)
    @rule(data=st.data())
    def withdraw_at_jlis(self, data: st.DataObject) -> None:
        ref = data.draw(st.sampled_from(sorted(self.jlis.taken)))
        if all(one.consent_ref != ref for one in self.jlis.withdrawals):
            self.jlis.withdraw_ref(ref)

    @precondition(lambda self: self.known)
    @rule(data=st.data(), trouble=st.sampled_from(["none", "down", "lost"]))
    def withdraw(self, data: st.DataObject, trouble: str) -> None:
        known = data.draw(st.sampled_from(self.known))
        assert known.consent_id is not None
        consent_id = known.consent_id
        if known.withdrawal is None:
            known.withdrawal = self.run(self._withdrawal(known))
        signed = known.withdrawal

        async def work(pool: Any) -> int:
            withdrawer = ConsentWithdrawer(pool, self.world.watcher, self.jlis, self.institution.principal)
            try:
                await withdrawer.withdraw(consent_id, signed)
            except Problem as problem:
                return problem.status
            return 200

        self.jlis.down, self.jlis.answer_lost = trouble == "down", trouble == "lost"
        reminders = self.reminders()
        status = self.act(work)
        assert self.reminders() == reminders
        self.jlis.down = self.jlis.answer_lost = False
        expired = known.ended == "expired" or (
            known.ended is None
            and known.stops() is None
            and known.over is not None
            and self.now >= known.over
        )
        assert (status == 409) is expired
        if not expired:
            known.withdrawn(self.now, self.now)
        self.compare()

    async def _withdrawal(self, known: Known) -> SignedApplication:
        assert known.consent_id is not None
        application = WithdrawalApplication(
            institution_code=str(self.institution.institution_id),
            service_code=self.institution.service_code,
            consent_application_number=_number(known.signed),
            application_number=uuid4(),
            created_at=self.now.replace(microsecond=0),
        )
        octets = write_withdrawal(application)
        issued = withdrawal_store.IssuedWithdrawal(
            application.application_number, known.consent_id, hashlib.sha256(octets).digest(), self.now
        )
        async with tenant(self.world.database.app_pool, self.institution.institution_id) as connection:
            await withdrawal_store.insert_application(connection, self.institution.institution_id, issued)
        return self.signed(octets)

    @precondition(lambda self: self.known)
    @rule(data=st.data(), days=st.sampled_from([None, 0, 1, 30, 4000]))
    def stop(self, data: st.DataObject, days: int | None) -> None:
        known = data.draw(st.sampled_from(self.known))
        assert known.consent_id is not None
        consent_id, now = known.consent_id, self.now
        day = None if days is None else now.astimezone(JST).date() + timedelta(days=days)
        midnight = now if day is None else datetime(day.year, day.month, day.day, tzinfo=JST)
        at = max(now, midnight)

        async def work(pool: Any) -> int:
            try:
                await stop(pool, self.institution.institution_id, consent_id, day, self.world.clock)
            except Problem as problem:
                return problem.status
            return 200

        status = self.act(work)
        stop_at = known.stops()
        stopped = known.ended == "stopped" or (known.ended is None and stop_at is not None and stop_at <= now)
        ended = known.ended is not None or (known.over is not None and now >= known.over)
        if stopped:
            assert status == 200
            known.advance(now)
        elif ended:
            assert status == 409
        elif known.over is not None and at >= known.over:
            assert status == 422
        else:
            assert status == 200
            known.stop = at
            known.advance(now)
        self.compare()

    @rule()
    def poll(self) -> None:
        institution_id, reminders = self.institution.institution_id, self.reminders()
        self.act(lambda pool: poll(pool, self.jlis, institution_id, str(institution_id), self.world.clock))
        assert self.reminders() == reminders
        for one in self.jlis.withdrawals[self.read :]:
            found = [known for known in self.known if known.ref == one.consent_ref]
            if not found:
                self.unknown.setdefault(one.consent_ref, one.reflected_at)
            for known in found:
                known.withdrawn(one.reflected_at, self.now)
        self.read = len(self.jlis.withdrawals)
        self.compare()

    @rule(down=st.booleans())
    def maintain(self, down: bool) -> None:
        institution_id, now = self.institution.institution_id, self.now
        self.jlis.down = down
        self.act(lambda pool: maintain(pool, institution_id, self.world.clock, gateway=self.jlis, batch=2))
        self.jlis.down = False
        for known in self.known:
            known.advance(now)
            waiting = known.ended is None and known.first is None and known.ref is not None
            if waiting and not down and (known.asked_at is None or known.asked_at < now):
                known.learn(self.jlis.taken[known.ref or ""][1], self.unknown, now)
                known.asked_at = now
        self.compare()

    @rule(
        data=st.data(),
        step=st.sampled_from(
            [timedelta(hours=1), ONE_DAY, 89 * ONE_DAY, 400 * ONE_DAY, 3600 * ONE_DAY, None, None, None]
        ),
    )
    def clock(self, data: st.DataObject, step: timedelta | None) -> None:
        """Forward; often to the very instant at which something turns, or the one before."""
        turns = [
            at for known in self.known for at in (known.first, known.over, known.stops()) if at is not None
        ]
        ahead = sorted(
            {at - shift for at in turns for shift in (_MOMENT, 0 * _MOMENT) if at - shift > self.now}
        )
        if step is not None or not ahead:
            self.world.clock.set(self.now + (step or ONE_DAY))
        else:
            self.world.clock.set(data.draw(st.sampled_from(ahead)))
        self.compare()

    @rule(data=st.data(), named=st.booleans())
    def fetch(self, data: st.DataObject, named: bool) -> None:
        chosen = data.draw(st.sampled_from(self.known)) if named and self.known else None
        fetcher = Fetcher(
            self.world.database.app_pool, self.world.watcher, self.jlis, self.institution.institution_id
        )
        before = len(self.jlis.queries)
        consent_id = None if chosen is None else chosen.consent_id
        self.run(fetcher.fetch(self.registration_id, ["name"], consent_id))
        asked = len(self.jlis.queries) - before
        allowing = [one for one in self.known if one.allows(self.now) and chosen in (None, one)]
        assert asked == (1 if allowing else 0)

    @rule(after_commit=st.booleans(), at=st.integers(0, 12))
    def crash_next(self, after_commit: bool, at: int) -> None:
        """The next act dies before its nth statement or after its nth commit, and is done again."""
        self.crash = (after_commit, at)

    def reminders(self) -> list[UUID | None]:
        """Of which consents, in order. A withdrawal brings none, wherever it was made."""
        events = self.run(self.world.events(self.institution))
        return [event.consent_id for event in events if event.type == "consent.reminder_due"]

    def compare(self) -> None:
        """Events told of each consent, and what it allows now, are the oracle's."""
        events = self.run(self.world.events(self.institution))
        consents = {one.consent_id: one for one in self.run(self._all())}
        assert len(consents) == len(self.known)
        for known in self.known:
            told = [
                event.type.removeprefix("consent.")
                for event in events
                if event.consent_id == known.consent_id and event.type != "consent.reminder_due"
            ]
            assert told == known.told
            states = [row.step.state for row in self.run(self._history(known.consent_id))]
            assert states[0] is ConsentState.RECEIVED
            assert all(may_follow(one, next_one) for one, next_one in pairwise(states)), states
            assert known.consent_id is not None
            assert consents[known.consent_id].effective(self.now) == known.allows(self.now)

    async def _history(self, consent_id: UUID | None) -> list[HistoryRow]:
        assert consent_id is not None
        async with tenant(self.world.database.app_pool, self.institution.institution_id) as connection:
            return await history(connection, consent_id)

    async def _all(self) -> list[Any]:
        async with tenant(self.world.database.app_pool, self.institution.institution_id) as connection:
            return list(await store.of_registration(connection, self.registration_id))


def _number(signed: SignedApplication) -> UUID:
    return UUID(signed.application.decode().partition("<申請番号>")[2][:36])


@pytest.mark.timeout(600)
async def test_consents_against_a_dictionary(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the order of acts, deaths and days: fetched only while allowed, told once."""
    # Decades go by without a list: that only a good certificate may sign is tested elsewhere.
    for rules in (accept, accept_withdrawal):
        monkeypatch.setattr(rules, "check_status", lambda status: None)
    await world.day()

    class Here(Life):
        loop = asyncio.get_running_loop()

    Here.world = world
    bounds = settings(
        max_examples=25,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    await asyncio.to_thread(run_state_machine_as_test, Here, settings=bounds)
