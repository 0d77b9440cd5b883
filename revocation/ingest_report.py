"""What a cycle did, for the night's record: figures and codes, never a serial."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

from revocation.additions import additions_between
from revocation.authorities import ListScope
from revocation.errors import OutsideFailed, RevocationError
from revocation.index.layout import ListPresence
from revocation.snapshot.current import Snapshot


class Progress(Protocol):
    """Told how far a stage is; called from the event loop, must return at once."""

    def __call__(self, stage: str, done: int, total: int, /) -> None: ...


class Outcome(StrEnum):
    """How a cycle ended."""

    #: A new set, every expected list in it accepted or confirmed.
    PUBLISHED = "PUBLISHED"
    #: A new set, in which some lists are carried over or absent.
    PARTIAL = "PARTIAL"
    #: Every list is the one already published.
    NOTHING_NEW = "NOTHING_NEW"
    #: No new set: nothing new came, and at least one list was refused.
    REFUSED = "REFUSED"
    #: No new set: nothing new came, and the rest could not be fetched.
    UPSTREAM_DOWN = "UPSTREAM_DOWN"


#: Hexadecimal digits that name a key, as in the names of the archive.
KEY_PREFIX: Final = 16


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a list was not taken in; without a scope, why a CA could not be asked where its lists lie.

    The scope names a partition, and that is a municipality: what leaves the operator's hands says
    ``ca_id``, ``key`` and what the error says, which never names one.
    """

    ca_id: str
    scope: ListScope | None
    error: RevocationError

    @property
    def name(self) -> str:
        return self.ca_id if self.scope is None else str(self.scope)

    @property
    def key(self) -> str | None:
        """The beginning of the signing key's identifier."""
        return None if self.scope is None else self.scope.signing_key[:KEY_PREFIX]


@dataclass(frozen=True, slots=True)
class CycleSet:
    """One set that a cycle published: one at completeness or deadline, then one per late arrival."""

    set_seq: int
    #: Lists that it took anew.
    new_lists: int
    #: Expected lists that were neither accepted nor confirmed yet.
    missing_lists: int
    partial: bool
    late: bool


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What a cycle did, late lists included."""

    outcome: Outcome
    #: The newest set that this cycle published.
    set_seq: int | None
    lists_expected: int
    #: Answered by the source, new or unchanged.
    lists_fetched: int
    #: Passed every rule, new or the very one accepted before.
    lists_accepted: int
    #: Of the set now in force: carried over from an earlier one though this cycle did not confirm them.
    lists_carried: int
    lists_absent: int
    #: Listed entries of the set now in force.
    entries: int
    #: By name, sorted.
    refused: tuple[Refusal, ...]
    #: Newly listed certificates by RFC 5280 reason name.
    new_by_reason: Mapping[str, int]
    seconds: float
    #: Every set that this cycle published, in order.
    sets: tuple[CycleSet, ...] = ()
    #: How often it asked for the lists that it missed, the first time included.
    rounds: int = 1
    #: One refused file by code, kept to be looked at; not of every code there are bytes.
    kept: Mapping[str, Path] = field(default_factory=dict)

    @property
    def refusals(self) -> tuple[tuple[str, str], ...]:
        """(scope, or CA that could not be asked; stable code), sorted."""
        return tuple((one.name, one.error.code) for one in self.refused)


def outcome_of(*, published: bool, failures: Iterable[RevocationError]) -> Outcome:
    found = list(failures)
    if published:
        return Outcome.PARTIAL if found else Outcome.PUBLISHED
    if not found:
        return Outcome.NOTHING_NEW
    if any(not isinstance(error, OutsideFailed) for error in found):
        return Outcome.REFUSED
    return Outcome.UPSTREAM_DOWN


def new_by_reason(before: Snapshot | None, after: Snapshot | None) -> dict[str, int]:
    """Newly listed certificates between two sets."""
    if after is None or (before is not None and after.seq == before.seq):
        return {}
    return additions_between(before, after)


def carried_and_absent(
    snapshot: Snapshot | None, expected: Collection[ListScope], confirmed: Collection[ListScope]
) -> tuple[int, int]:
    """Expected lists that the set has only from before, and those that it does not have."""
    states = {} if snapshot is None else snapshot.lists
    carried = absent = 0
    for scope in expected:
        state = states.get(scope)
        if state is None or state.state is ListPresence.ABSENT:
            absent += 1
        elif scope not in confirmed:
            carried += 1
    return carried, absent
