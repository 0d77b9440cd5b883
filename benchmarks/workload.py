"""What is measured, as data: ``workloads/NAME.json`` says what a CA's lists look like and how they change."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

_FOLDER: Final = Path(__file__).parent / "workloads"
NAMES: Final = tuple(sorted(file.stem for file in _FOLDER.glob("*.json")))
#: Below this many entries for each list a run would measure the fixed costs of a list and nothing else.
_LEAST_PER_LIST: Final = 50


@dataclass(frozen=True, slots=True)
class SerialShape:
    """A share of the entries, whose serials have these numbers of octets, all equally often."""

    least_octets: int
    most_octets: int
    share: float


@dataclass(frozen=True, slots=True)
class Workload:
    """The shape of the lists; how many entries they have together is for each run to say."""

    name: str
    title: str
    lists: int
    #: Standard deviation of the logarithm of a list's size; 0: all have the same.
    list_size_sigma: float
    #: 4 octets in a permuted sequence, or 8 to 20 at random.
    serials: tuple[SerialShape, ...]
    #: CRLReason to its share among the entries that have one.
    reasons: Mapping[int, float]
    share_with_reason: float
    #: The revocation dates lie in so many days before the first list.
    span_days: int
    #: Of the first day's entries, so many more on each day, and so many fewer.
    joining_per_day: float
    leaving_per_day: float
    #: The share of lists that differ from the day before in more than number, times and signature.
    lists_changed_per_day: float
    #: rsa-2048 or p-256.
    key: str
    seed: int

    def __post_init__(self) -> None:
        shapes = {(shape.least_octets, shape.most_octets) for shape in self.serials}
        if not shapes <= {(4, 4), (8, 20)} or len(shapes) != len(self.serials):
            raise ValueError(f"expected serials of 4 and of 8 to 20 octets, got {sorted(shapes)}")
        for shares in ([shape.share for shape in self.serials], list(self.reasons.values())):
            if abs(sum(shares) - 1) > 1e-9:
                raise ValueError(f"expected shares that make 1, got {sum(shares)}")
        if self.key not in {"rsa-2048", "p-256"}:
            raise ValueError(f"expected a key rsa-2048 or p-256, got {self.key}")

    @property
    def share_long(self) -> float:
        """Entries with a serial of 8 to 20 octets."""
        return sum(shape.share for shape in self.serials if shape.most_octets > 4)

    def scaled(self, entries: int) -> Workload:
        """With fewer lists where there are too few entries for all of them; a report says how many it was."""
        return replace(self, lists=max(1, min(self.lists, entries // _LEAST_PER_LIST)))


def load(name: str) -> Workload:
    """A workload by name."""
    if name not in NAMES:
        raise ValueError(f"expected a workload among {', '.join(NAMES)}, got {name!r}")
    row: dict[str, Any] = json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    row["serials"] = tuple(SerialShape(**shape) for shape in row["serials"])
    row["reasons"] = {int(reason): share for reason, share in row["reasons"].items()}
    return Workload(name=name, **row)
