"""The task's state machine, driven at random against a dictionary and a clock that the test moves."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from platform_api.consents.model import jst_date
from platform_api.faults import DatabaseFailed
from platform_api.four_information.model import Outcome
from platform_api.jlis.error_codes import OURS_TO_MEND
from platform_api.refresh.model import (
    BLOCKED_RETRY,
    FIRST_RETRY,
    LEASE,
    LINE_CLOSED,
    LONGEST_MENDING,
    LONGEST_RETRY,
    MOST_UNTAKEN,
    OPEN,
    Answer,
    Facts,
    Task,
    TaskState,
    after_answer,
    claimed,
    delivered,
    looked_at,
    merely_renewed,
)
from platform_api.refresh.policy import Policy, RefreshCause
from platform_api.refresh.run import outside_failures
from revocation.status import Validity

START = datetime(2026, 11, 1, 3, 0, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
POLICY = Policy(
    enabled=True,
    items=("name",),
    daily_cap=3,
    daily_questions_cap=5,
    keep=6 * HOUR,
    back_off=tuple(days * DAY for days in (1, 3, 7, 14, 30)),
    hand_over_after=60 * DAY,
    refresh_on=frozenset((RefreshCause.CONTENT_CHANGED,)),
    linkage=False,
)
NOTHING = st.sampled_from(
    [
        Answer(Outcome.NO_NEW_CERTIFICATE),
        Answer(Outcome.NO_NEWER_INFORMATION),
        Answer(Outcome.CERTIFICATE_UNKNOWN),
        Answer(Outcome.CONSENT_MISSING),  # J-LIS's own word
        Answer(Outcome.TEMPORARY, "PERSON_MISMATCH"),
        Answer(Outcome.TEMPORARY, "JLIS_ITEMS_REFUSED"),
    ]
)


def task(**changes: object) -> Task:
    made = Task(
        registration_id=uuid4(),
        certificate_id=uuid4(),
        service_id=uuid4(),
        state=TaskState.WAITING,
        cause=RefreshCause.CONTENT_CHANGED,
        created_at=START,
        changed_at=START,
        next_at=START,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


class Customer:
    """What the oracle knows of one changed customer, in its own words."""

    def __init__(self, made: Task) -> None:
        self.task = made
        self.consented = True
        self.moved_on = False
        self.acknowledged = False
        #: When J-LIS may be asked again at the earliest, by the oracle's own count.
        self.not_before = START
        self.answers = 0
        self.failures = 0
        self.waits_until: datetime | None = None
        self.told_gone = False


class Refreshing(RuleBasedStateMachine):
    """Claims by the store's rule, answers at random, looks whenever; the oracle counts for itself."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.customers: dict[UUID, Customer] = {}
        self.questions: dict[date, int] = {}
        self.data: dict[date, int] = {}
        self.asked_without_consent = 0

    @initialize(count=st.integers(1, 4))
    def changed(self, count: int) -> None:
        for _ in range(count):
            made = task()
            self.customers[made.registration_id] = Customer(made)

    def some(self, which: int) -> Customer:
        return list(self.customers.values())[which % len(self.customers)]

    @rule(time=st.sampled_from([timedelta(minutes=7), HOUR, 5 * HOUR, DAY, 3 * DAY, 30 * DAY]))
    def time_goes_on(self, time: timedelta) -> None:
        self.now += time

    @rule(which=st.integers(0, 9), consented=st.booleans())
    def consent_turns(self, which: int, consented: bool) -> None:
        self.some(which).consented = consented

    @rule(which=st.integers(0, 9))
    def customer_moves_on(self, which: int) -> None:
        self.some(which).moved_on = True

    @rule()
    def look(self) -> None:
        for one in self.customers.values():
            if one.task.state not in OPEN:
                continue
            waits = one.waits_until is not None and self.now < one.waits_until
            found = looked_at(
                one.task,
                Facts(
                    current_id=uuid4() if one.moved_on or one.acknowledged else one.task.certificate_id,
                    cause=RefreshCause.CONTENT_CHANGED,
                    consented=one.consented,
                    delivery_permitted=one.consented,
                    delivery_waits=waits,
                    acknowledged=one.acknowledged,
                ),
                POLICY,
                self.now,
            )
            before, one.task = one.task, found.task
            if found.withdraw_data:
                assert before.state is TaskState.DELIVERED, "only what was announced is taken back"
                one.waits_until = None
            if found.tell_unavailable:
                one.told_gone = True
            if before.state is TaskState.DELIVERED and one.task.state is TaskState.WAITING:
                one.not_before = self.now
            if not one.consented:
                assert one.task.state is not TaskState.WAITING, "would be asked without a consent"
            if one.task.state is TaskState.BLOCKED_BY_CONSENT:
                # A consent that comes is a new fact: asked at once, whatever was answered before.
                one.not_before = min(one.not_before, self.now)

    @rule(
        how=st.sampled_from(["data", "nothing", "away", "mend", "closed", "dies", "refused"]), nothing=NOTHING
    )
    def ask(self, how: str, nothing: Answer) -> None:
        today = jst_date(self.now)
        on_their_way = sum(
            1
            for one in self.customers.values()
            if one.task.state is TaskState.ASKING
            and one.task.next_at > self.now
            and one.task.asked_day == today
        )
        room = min(
            POLICY.daily_cap - self.data.get(today, 0) - on_their_way,
            POLICY.daily_questions_cap - self.questions.get(today, 0),
        )
        due = [one for one in self.customers.values() if one.task.due(self.now)][: max(room, 0)]
        for one in due:
            assert self.now >= one.not_before, "asked within the back-off"
            one.task = claimed(one.task, self.now)
            self.questions[today] = self.questions.get(today, 0) + 1
            # ``Fetcher`` looks at the consents itself, before J-LIS hears of anybody.
            self._answered(one, "refused" if not one.consented else how, nothing)

    def _answered(self, one: Customer, how: str, nothing: Answer) -> None:
        if how == "refused":
            one.task = after_answer(
                one.task, Answer(Outcome.CONSENT_MISSING, "REFUSED_BY_US"), POLICY, self.now
            )
            one.not_before = self.now
            one.failures = 0
            assert one.task.state is TaskState.BLOCKED_BY_CONSENT
        elif how == "dies":
            one.not_before = self.now + LEASE
        elif how == "data":
            one.waits_until = self.now + POLICY.keep
            one.task = delivered(
                one.task,
                query_id=uuid4(),
                consent_id=uuid4(),
                delivery_id=uuid4(),
                until=one.waits_until,
                now=self.now,
            )
            day = one.task.asked_day
            assert day is not None
            self.data[day] = self.data.get(day, 0) + 1
            one.failures = 0
        elif how == "nothing":
            days = [1, 3, 7, 14, 30][min(one.answers, 4)]
            one.answers += 1
            one.failures = 0
            # Nightly passes are not to the second.
            one.not_before = self.now + days * DAY - timedelta(hours=1)
            one.task = after_answer(one.task, nothing, POLICY, self.now)
        elif how in ("away", "mend"):
            minutes = min(5 * 2**one.failures, 240 if how == "away" else 24 * 60)
            one.failures += 1
            one.not_before = self.now + timedelta(minutes=minutes)
            away = Answer(Outcome.TEMPORARY, "JLIS_TIMEOUT", reached=False)
            mend = Answer(Outcome.TEMPORARY, "JLIS_SERVICE_UNKNOWN")
            one.task = after_answer(one.task, away if how == "away" else mend, POLICY, self.now)
        else:
            one.not_before = self.now + timedelta(minutes=5)
            closed = Answer(Outcome.TEMPORARY, "JLIS_CLOSED", reached=False)
            one.task = after_answer(one.task, closed, POLICY, self.now)

    @rule(which=st.integers(0, 9))
    def acknowledge(self, which: int) -> None:
        one = self.some(which)
        if one.waits_until is not None and self.now < one.waits_until and not one.moved_on and one.consented:
            one.acknowledged = True
            one.waits_until = None

    @rule(which=st.integers(0, 9))
    def the_queue_is_lost(self, which: int) -> None:
        self.some(which).waits_until = None

    @invariant()
    def caps_are_never_exceeded(self) -> None:
        assert all(count <= POLICY.daily_cap for count in self.data.values())
        assert all(count <= POLICY.daily_questions_cap for count in self.questions.values())

    @invariant()
    def everybody_is_somewhere(self) -> None:
        for one in self.customers.values():
            state = one.task.state
            if state is TaskState.HANDED_OVER:
                assert one.told_gone, "handed over without a word"
            if state is TaskState.CANCELLED:
                assert one.moved_on or one.acknowledged
            if state is TaskState.DONE:
                assert one.acknowledged
            assert one.task.untaken <= MOST_UNTAKEN
            assert one.task.next_at <= self.now + 30 * DAY

    @precondition(lambda self: self.customers)
    @rule()
    def nobody_is_forgotten(self) -> None:
        """From wherever they stand: with J-LIS back and nobody taking, all come to an end in bounded time."""
        kept = (self.now, dict(self.questions), dict(self.data))
        copies = {key: one.__dict__.copy() for key, one in self.customers.items()}
        for _ in range(100):
            self.look()
            self.ask("data", Answer(Outcome.NO_NEW_CERTIFICATE))
            self.now += DAY
        self.look()
        assert not {one.task.state for one in self.customers.values()} & OPEN
        self.now, self.questions, self.data = kept
        for key, values in copies.items():
            self.customers[key].__dict__.update(values)


Refreshing.TestCase.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
TestRefreshing = Refreshing.TestCase


@pytest.mark.parametrize("code", sorted(LINE_CLOSED))
def test_what_was_not_sent_costs_no_patience(code: str) -> None:
    """However often: the next try is 5 minutes on, and neither counter moves."""
    found = claimed(task(step=2, unreached=3), START)
    for _ in range(20):
        found = after_answer(found, Answer(Outcome.TEMPORARY, code, reached=False), POLICY, START)
    assert (found.step, found.unreached, found.next_at) == (2, 3, START + FIRST_RETRY)


def test_an_outage_is_asked_about_at_growing_bounded_intervals() -> None:
    """5, 10, 20 … minutes, 4 hours at most, also after a thousand failures; an answer begins anew."""
    found, pauses = task(), []
    for _ in range(1000):
        found = after_answer(found, Answer(Outcome.TEMPORARY, "JLIS_TIMEOUT", reached=False), POLICY, START)
        pauses.append(found.next_at - START)
    assert [pause // timedelta(minutes=1) for pause in pauses[:7]] == [5, 10, 20, 40, 80, 160, 240]
    assert set(pauses[6:]) == {LONGEST_RETRY}
    assert after_answer(found, Answer(Outcome.NO_NEW_CERTIFICATE), POLICY, START).unreached == 0


@pytest.mark.parametrize(
    "answer",
    [
        *(Answer(Outcome.TEMPORARY, code) for code in sorted(OURS_TO_MEND)),
        Answer(Outcome.TEMPORARY, "SEAL_BROKEN", reached=False, fault=True),
    ],
)
def test_what_somebody_must_mend_is_asked_again_within_a_day(answer: Answer) -> None:
    """5, 10, 20 … minutes, a day at most: no step of the back-off, however long it takes."""
    found, pauses = task(step=2), []
    for _ in range(100):
        found = after_answer(found, answer, POLICY, START)
        pauses.append(found.next_at - START)
    assert pauses[:3] == [FIRST_RETRY, 2 * FIRST_RETRY, 4 * FIRST_RETRY]
    assert (set(pauses[9:]), found.step) == ({LONGEST_MENDING}, 2)


def test_our_own_refusal_is_not_looked_at_again_at_once() -> None:
    """Records and refusal disagree (a consent that just ended): an hour between two tries."""
    blocked = after_answer(task(), Answer(Outcome.CONSENT_EXPIRED, "REFUSED_BY_US"), POLICY, START)
    facts = Facts(blocked.certificate_id, RefreshCause.CONTENT_CHANGED, consented=True)
    soon = START + BLOCKED_RETRY - timedelta(seconds=1)
    assert looked_at(blocked, facts, POLICY, soon).task is blocked
    assert looked_at(blocked, facts, POLICY, START + BLOCKED_RETRY).task.state is TaskState.WAITING


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("later", [timedelta(0), DAY])
def test_what_is_gone_is_told_where_nobody_asks_again(enabled: bool, later: timedelta) -> None:
    """Lost or run out: fetched again, so nothing is said; while the policy is switched off, it is."""
    waiting = delivered(
        task(), query_id=uuid4(), consent_id=uuid4(), delivery_id=uuid4(), until=START + DAY, now=START
    )
    facts = Facts(waiting.certificate_id, None, consented=True, delivery_permitted=True)
    found = looked_at(waiting, facts, replace(POLICY, enabled=enabled), START + later)
    assert (found.task.state, found.withdraw_data) == (TaskState.WAITING, True)
    assert found.tell_unavailable is not enabled


def test_what_the_institution_fetched_itself_is_not_fetched_again() -> None:
    """Its own fetch replaces the delivery; the task ends and takes nothing back."""
    waiting = delivered(
        task(), query_id=uuid4(), consent_id=uuid4(), delivery_id=uuid4(), until=START + DAY, now=START
    )
    facts = Facts(waiting.certificate_id, None, consented=True, delivery_permitted=True, superseded=True)
    found = looked_at(waiting, facts, POLICY, START)
    assert (found.task.state, found.withdraw_data, found.tell_unavailable) == (
        TaskState.CANCELLED,
        False,
        False,
    )


@pytest.mark.parametrize(
    ("begins", "renewed"), [(0, True), (1, False), (-1, False), (3600, False), (None, False)]
)
def test_a_mere_renewal_begins_in_the_second_the_old_one_ended(begins: int | None, renewed: bool) -> None:
    """Anything else may be the second re-issue, with a move in between."""
    validity = Validity(START + timedelta(seconds=begins or 0), START + 1000 * DAY)
    assert merely_renewed(None if begins is None else START, validity) is renewed


def test_a_database_that_goes_away_under_a_pass_is_the_outside() -> None:
    """Alone, or among the questions of a group: one DatabaseFailed, so that a worker goes on; anything else
    in the group stays what it is."""
    for failure in (
        asyncpg.InterfaceError("closed"),
        ExceptionGroup("", [ExceptionGroup("", [asyncpg.LockNotAvailableError("busy")]), TimeoutError()]),
    ):
        with pytest.raises(DatabaseFailed, match="DATABASE_LOST"), outside_failures():
            raise failure
    with pytest.raises(ExceptionGroup), outside_failures():
        raise ExceptionGroup("", [TimeoutError(), ValueError("ours")])
    with pytest.raises(ValueError, match="ours"), outside_failures():
        raise ValueError("ours")
