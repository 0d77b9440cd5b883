"""Faults on demand: what the outside can do to its client, switched on by a test and off again.

They live in memory only: a restarted sandbox is a healthy one. What each of them does to an answer stands in
``disturbing`` (any answer) and ``false_answers`` (the four items).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from platform_api.sandbox.fault_kinds import KINDS, OF_ITEMS, OF_SIGNED, FaultKind, Target
from platform_api.sandbox.refusals import RequestRefused

_MOST_FAULTS: Final = 1000


@dataclass(slots=True)
class Fault:
    """One switched-on fault; ``times`` counts down, None lasts until it is deleted."""

    fault_id: int
    kind: FaultKind
    target: Target
    municipality_code: str | None
    generation: str | None
    status: int
    delay_s: float
    times: int | None

    def as_json(self) -> dict[str, Any]:
        return {
            "fault_id": self.fault_id,
            "kind": self.kind.value,
            "target": self.target.value,
            "municipality_code": self.municipality_code,
            "generation": self.generation,
            "status": self.status,
            "delay_s": self.delay_s,
            "times": self.times,
        }

    def hits(self, target: Target, municipality_code: str | None, generation: str | None) -> bool:
        """Whether it disturbs this request; a fault for one list leaves the list of partitions alone."""
        if self.kind in OF_SIGNED and municipality_code is None and target is not Target.OCSP:
            return False
        return (
            self.target in (Target.ALL, target)
            and self.municipality_code in (None, municipality_code)
            and self.generation in (None, generation)
        )


class Faults:
    """All faults that are on, in the order in which they came. Touched by the event loop only."""

    def __init__(self) -> None:
        self._on: list[Fault] = []
        self._count = 0

    def add(
        self,
        kind: FaultKind,
        target: Target,
        *,
        municipality_code: str | None = None,
        generation: str | None = None,
        status: int = 503,
        delay_s: float = 1.0,
        times: int | None = None,
    ) -> Fault:
        one_list = municipality_code is not None or generation is not None
        if target not in KINDS[kind][0] or (one_list and target is not Target.CRL):
            raise RequestRefused(
                422,
                "FAULT_NOT_APPLICABLE",
                "expected a target of that kind in GET /sandbox/v1/faults/kinds, and crl for one list; "
                "correct the target",
            )
        if len(self._on) >= _MOST_FAULTS:
            raise RequestRefused(409, "TOO_MANY_FAULTS", "DELETE /sandbox/v1/faults first")
        self._count += 1
        fault = Fault(self._count, kind, target, municipality_code, generation, status, delay_s, times)
        self._on.append(fault)
        return fault

    def all(self) -> list[Fault]:
        return list(self._on)

    def clear(self) -> None:
        self._on.clear()

    def take(
        self, target: Target, municipality_code: str | None = None, generation: str | None = None
    ) -> list[Fault]:
        """What disturbs this request: all delays, and the first of the others; each is used once."""
        taken: list[Fault] = []
        for fault in self._on:
            another = any(found.kind is not FaultKind.DELAY for found in taken)
            if (
                fault.kind not in OF_ITEMS
                and fault.hits(target, municipality_code, generation)
                and (fault.kind is FaultKind.DELAY or not another)
            ):
                taken.append(fault)
        self._use(taken)
        return taken

    def take_for_items(self, *, data: bool) -> FaultKind | None:
        """The first fault of the four items that has something to do with this answer; it is used once."""
        for fault in self._on:
            if fault.kind in OF_ITEMS and (data or fault.kind is FaultKind.NO_CURRENT_CERTIFICATE):
                self._use([fault])
                return fault.kind
        return None

    def _use(self, taken: list[Fault]) -> None:
        for fault in taken:
            if fault.times is not None:
                fault.times -= 1
        self._on = [fault for fault in self._on if fault.times is None or fault.times > 0]
