"""How fresh the lists of the current set are, per CA: plain figures for metrics and readiness."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from revocation.index.layout import ListState
    from revocation.snapshot.current import Snapshot


@dataclass(slots=True)
class Freshness:
    """Counts by state (accepted, carried, absent, expired), and the worst list's figures."""

    counts: dict[str, int] = field(
        default_factory=lambda: {"accepted": 0, "carried": 0, "absent": 0, "expired": 0}
    )
    oldest_age_s: float | None = None
    seconds_left: float | None = None

    @property
    def usable(self) -> bool:
        """Is any list in force?"""
        return self.counts["accepted"] + self.counts["carried"] > 0

    def add(self, state: ListState, now: datetime) -> None:
        if state.this_update is None or state.next_update is None:
            self.counts["absent"] += 1
            return
        age = (now - state.this_update).total_seconds()
        left = (state.next_update - now).total_seconds()
        self.oldest_age_s = age if self.oldest_age_s is None else max(age, self.oldest_age_s)
        self.seconds_left = left if self.seconds_left is None else min(left, self.seconds_left)
        self.counts["expired" if left <= 0 else str(state.state)] += 1


def freshness_by_ca(snapshot: Snapshot | None, now: datetime) -> dict[str, Freshness]:
    """Figures for each CA that the set speaks of."""
    found: dict[str, Freshness] = {}
    if snapshot is not None:
        for scope, state in snapshot.lists.items():
            found.setdefault(scope.lineage.ca_id, Freshness()).add(state, now)
    return found
