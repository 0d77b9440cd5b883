"""The task of one certificate that moved: its states, and what each answer and each look make of it. Pure.

WAITING → ASKING → DELIVERED → DONE is the plain way. An answer without data is WAITING again, by the policy's
days; without an effective consent it is BLOCKED_BY_CONSENT and nothing is asked; after the configured time it
is HANDED_OVER to the institution; and CANCELLED as soon as the registration needs it no more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from platform_api.consents.model import jst_date
from platform_api.four_information.model import Outcome
from platform_api.jlis.error_codes import OURS_TO_MEND
from platform_api.refresh.policy import Policy, RefreshCause
from revocation.status import Validity

#: The longest that one question takes: calls of a whole round one after another, where batches have a single
#: line (``jlis_batch_concurrency``), 60 seconds each at most (``jlis_call_timeout_s``).
LONGEST_QUESTION: Final = timedelta(minutes=8)
#: Longer than that, for the waiting before it. Who dies over one leaves it to others after this.
LEASE: Final = timedelta(minutes=10)
#: J-LIS could not be asked: again after this, twice as long each time, up to the second.
FIRST_RETRY: Final = timedelta(minutes=5)
LONGEST_RETRY: Final = timedelta(hours=4)
#: What somebody must mend begins in the same way; most often it is one customer's by then, so once a day.
LONGEST_MENDING: Final = timedelta(days=1)
#: The operator's own cap of a service (``four_information.cap``), above the policy's.
SERVER_CAP: Final = "FOUR_INFORMATION_CAP"
#: A night publishes and detects, and this process has not opened the set, or waits for a lock.
SNAPSHOT_BEHIND: Final = "SNAPSHOT_BEHIND"
DATABASE_BUSY: Final = "DATABASE_BUSY"
#: The answer came after the lease.
TASK_LOST: Final = "TASK_LOST"
#: The next question of the service would meet the same.
STOPS_SERVICE: Final = frozenset((SERVER_CAP, SNAPSHOT_BEHIND, DATABASE_BUSY, TASK_LOST))
#: Codes with which the gateway sent nothing: J-LIS is closed, or left alone after failures. It will not be
#: open for the next question either.
LINE_CLOSED: Final = frozenset(
    ("JLIS_CLOSED", "JLIS_CLOSED_BY_J_LIS", "JLIS_PAUSED", "JLIS_NO_TURN", SERVER_CAP)
)
#: By our own records there was no permission, before J-LIS was asked.
_REFUSED_BEFORE: Final = frozenset(("REFUSED_BY_US", "CONSENT_OF_FORMER_HOLDER"))
#: With these no question was asked: it is given back to the day.
NOTHING_SENT: Final = LINE_CLOSED | _REFUSED_BEFORE
#: Refused by us though a consent seemed effective: looked at again after this.
BLOCKED_RETRY: Final = timedelta(hours=1)
#: A pause of days ends so much earlier: of two passes at the same hour the later one may come a little sooner
#: in its day, and would leave the customer out until the next.
PASS_MARGIN: Final = timedelta(hours=1)
#: Deliveries of one task that may run out untaken before it is the institution's turn.
MOST_UNTAKEN: Final = 3


class TaskState(StrEnum):
    """Where a task stands; the last three are ends."""

    WAITING = "WAITING"
    ASKING = "ASKING"
    DELIVERED = "DELIVERED"
    BLOCKED_BY_CONSENT = "BLOCKED_BY_CONSENT"
    DONE = "DONE"
    HANDED_OVER = "HANDED_OVER"
    CANCELLED = "CANCELLED"


OPEN: Final = frozenset(
    (TaskState.WAITING, TaskState.ASKING, TaskState.DELIVERED, TaskState.BLOCKED_BY_CONSENT)
)

_NO_PERMISSION: Final = frozenset(
    (
        Outcome.CONSENT_MISSING,
        Outcome.CONSENT_NOT_YET_EFFECTIVE,
        Outcome.CONSENT_EXPIRED,
        Outcome.CONSENT_WITHDRAWN,
        Outcome.ITEM_NOT_CONSENTED,
    )
)
#: Detail codes with which it is we who say no: by our own records there is no permission now.
_OUR_REFUSAL: Final = _REFUSED_BEFORE | {"ANSWER_AFTER_CONSENT_ENDED"}
#: The registration changed under the question; the next look says what that means.
_CHANGED_MEANWHILE: Final = frozenset(("REGISTRATION_MOVED_ON", "ANSWER_AFTER_CONSENT_NARROWED"))


@dataclass(frozen=True, slots=True)
class Task:
    """One row of refresh_task."""

    registration_id: UUID
    certificate_id: UUID
    service_id: UUID
    state: TaskState
    cause: RefreshCause
    created_at: datetime
    changed_at: datetime
    #: Not before; while ASKING the end of the lease.
    next_at: datetime
    step: int = 0
    unreached: int = 0
    untaken: int = 0
    asked_day: date | None = None
    query_id: UUID | None = None
    consent_id: UUID | None = None
    delivery_id: UUID | None = None
    delivered_until: datetime | None = None
    last_code: str | None = None
    revision: int = 1

    @property
    def key(self) -> tuple[UUID, UUID]:
        return self.registration_id, self.certificate_id

    def due(self, now: datetime) -> bool:
        """May it be asked now? Also one whose asker died: its lease is over."""
        return self.state in (TaskState.WAITING, TaskState.ASKING) and self.next_at <= now


class TaskLost(Exception):
    """The lease was over and another pass has the task: what we got is thrown away."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How a question ended."""

    outcome: Outcome
    #: Which rule or failure led to it.
    code: str | None = None
    #: False: J-LIS could not be asked.
    reached: bool = True
    #: The task is written already, in the transaction of what the answer brought (or it is another's).
    written: bool = False
    #: A promise of ours is broken; nothing is known of J-LIS.
    fault: bool = False
    #: J-LIS answered with items, none of which were kept: it counts for the day like one that was.
    unkept: bool = False

    @property
    def refused_before(self) -> bool:
        """We said no before J-LIS was asked."""
        return self.code in _REFUSED_BEFORE

    @property
    def to_mend(self) -> bool:
        """Says nothing of the customer: once the operator has mended it, the same question is answered."""
        return self.fault or self.code in OURS_TO_MEND

    @property
    def name(self) -> str:
        """What a report counts it as."""
        return self.code if self.written and self.code is not None else self.outcome.value

    @property
    def refused_by_us(self) -> bool:
        """By our own records there is no permission: J-LIS was not asked, or its answer thrown away."""
        return self.outcome in _NO_PERMISSION and self.code in _OUR_REFUSAL


@dataclass(frozen=True, slots=True)
class Facts:
    """What is true of the task's registration now."""

    #: The certificate that is current by now.
    current_id: UUID | None
    #: Why the registration would be refreshed now; None: it would not.
    cause: RefreshCause | None
    linkage_agreed: bool = False
    #: By our records a consent of this holder covers an item of the policy now.
    consented: bool = False
    #: The consent by which the delivery was fetched still holds.
    delivery_permitted: bool = False
    #: The delivery still waits in the queue.
    delivery_waits: bool = False
    #: The institution acknowledged the answer.
    acknowledged: bool = False
    #: The institution has fetched by itself since: it has a newer answer than the delivery.
    superseded: bool = False


@dataclass(frozen=True, slots=True)
class Looked:
    """A task after a look, and what must be written with it."""

    task: Task
    #: The registration's state says that data are available, and they are no longer.
    withdraw_data: bool = False
    #: The institution is to be told that nothing will come, or that what it was told of is gone.
    tell_unavailable: bool = False


def claimed(task: Task, now: datetime) -> Task:
    return replace(task, state=TaskState.ASKING, next_at=now + LEASE, asked_day=jst_date(now), changed_at=now)


def delivered(
    task: Task, *, query_id: UUID, consent_id: UUID | None, delivery_id: UUID, until: datetime, now: datetime
) -> Task:
    return replace(
        task,
        state=TaskState.DELIVERED,
        query_id=query_id,
        consent_id=consent_id,
        delivery_id=delivery_id,
        delivered_until=until,
        next_at=until,
        unreached=0,
        last_code=Outcome.DATA.value,
        changed_at=now,
    )


def merely_renewed(revoked_at: datetime | None, successor: Validity) -> bool:
    """Does this certificate begin with the very second in which the old one ended as renewed?

    Then it took that one's place, with the same items. One that begins later may be the second after a
    renewal, and what came between (a move, say) stands in no list that we compare: nobody may take it for a
    mere renewal. Open question to J-LIS: are both times the same instant there? If not, none is promoted.
    """
    return revoked_at is not None and successor.not_before == revoked_at


def ended(task: Task, state: TaskState, code: str, now: datetime) -> Task:
    return replace(task, state=state, last_code=code, changed_at=now)


def after_answer(task: Task, answer: Answer, policy: Policy, now: datetime) -> Task:
    """What an answer without data makes of an ASKING task."""
    code = answer.outcome.value if answer.code is None else answer.code
    waiting = replace(task, state=TaskState.WAITING, last_code=code, changed_at=now)
    if answer.code in LINE_CLOSED:
        return replace(waiting, next_at=now + FIRST_RETRY)
    if answer.to_mend or not answer.reached:
        longest = LONGEST_MENDING if answer.to_mend else LONGEST_RETRY
        retry = min(FIRST_RETRY * 2 ** min(task.unreached, 16), longest)
        return replace(waiting, unreached=task.unreached + 1, next_at=now + retry)
    if answer.code in _CHANGED_MEANWHILE:
        return replace(waiting, unreached=0, next_at=now + FIRST_RETRY)
    if answer.refused_by_us:
        return replace(waiting, state=TaskState.BLOCKED_BY_CONSENT, unreached=0, next_at=now + BLOCKED_RETRY)
    # Nothing new, a refusal of J-LIS's that is the customer's, or an answer that cannot be: the same question
    # brings the same today.
    days = policy.back_off[min(task.step, len(policy.back_off) - 1)] - PASS_MARGIN
    return replace(waiting, unreached=0, step=task.step + 1, next_at=now + days)


def looked_at(task: Task, facts: Facts, policy: Policy, now: datetime) -> Looked:
    """What the registration, its consents and the queue make of an open task, without any question."""
    if task.state is TaskState.ASKING and not task.due(now):
        return Looked(task)
    if task.state is TaskState.DELIVERED:
        return _delivery(task, facts, policy, now)
    if facts.current_id != task.certificate_id:
        return Looked(ended(task, TaskState.CANCELLED, "REGISTRATION_MOVED_ON", now))
    wanted = facts.cause is not None and any(
        policy.wants(cause, linkage_agreed=facts.linkage_agreed) for cause in (facts.cause, task.cause)
    )
    if not wanted:
        return Looked(ended(task, TaskState.CANCELLED, "NOT_WANTED", now))
    if now >= task.created_at + policy.hand_over_after:
        return Looked(ended(task, TaskState.HANDED_OVER, "TIME_IS_OVER", now), tell_unavailable=True)
    may = facts.consented or policy.links(task.cause, linkage_agreed=facts.linkage_agreed)
    if task.state is TaskState.BLOCKED_BY_CONSENT:
        if may and task.next_at <= now:
            return Looked(replace(task, state=TaskState.WAITING, next_at=now, changed_at=now))
    elif not may:
        blocked = ended(task, TaskState.BLOCKED_BY_CONSENT, "NO_EFFECTIVE_CONSENT", now)
        return Looked(replace(blocked, next_at=now))
    return Looked(task)


def _delivery(task: Task, facts: Facts, policy: Policy, now: datetime) -> Looked:
    if facts.acknowledged:
        return Looked(ended(task, TaskState.DONE, "ACKNOWLEDGED", now))
    if facts.current_id != task.certificate_id:
        return Looked(ended(task, TaskState.CANCELLED, "REGISTRATION_MOVED_ON", now))
    if facts.superseded:
        return Looked(ended(task, TaskState.CANCELLED, "FETCHED_BY_INSTITUTION", now))
    if not facts.delivery_permitted:
        # What was fetched by a consent that ended is given to nobody; and nobody is left waiting for it.
        blocked = ended(task, TaskState.BLOCKED_BY_CONSENT, "CONSENT_ENDED_BEFORE_TAKEN", now)
        return Looked(replace(blocked, next_at=now), withdraw_data=True, tell_unavailable=True)
    if facts.delivery_waits:
        return Looked(task)
    again = replace(task, state=TaskState.WAITING, next_at=now, changed_at=now, last_code="DELIVERY_LOST")
    # While the policy is switched off nobody asks again, and the institution must not wait for it.
    off = not policy.enabled
    if task.delivered_until is None or now < task.delivered_until:
        # Gone before its time: a crash of the database (UNLOGGED).
        return Looked(again, withdraw_data=True, tell_unavailable=off)
    if task.untaken + 1 >= MOST_UNTAKEN:
        over = ended(task, TaskState.HANDED_OVER, "DELIVERIES_NOT_TAKEN", now)
        return Looked(replace(over, untaken=task.untaken + 1), withdraw_data=True, tell_unavailable=True)
    again = replace(again, untaken=task.untaken + 1, last_code="NOT_TAKEN")
    return Looked(again, withdraw_data=True, tell_unavailable=off)
