"""The figures of the library: their gates and targets, at which size each is measured, and the report."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from benchmarks.decode_figures import decode
from benchmarks.ingest_figures import (
    day_of_lists,
    index_size,
    ingest_fresh,
    ingest_speedup,
    ingest_steady,
    resident,
)
from benchmarks.machine import commit, machine_facts
from benchmarks.materials import Materials
from benchmarks.measuring import Figure
from benchmarks.neighbours import neighbours
from benchmarks.search_figures import batch, difference, lookup
from benchmarks.workload import load

MILLION: Final = 1_000_000


class Bar(NamedTuple):
    """What a figure must come to: ``shared/performance.md``, the table on top."""

    better: Literal["lower", "higher"]
    gate: float
    target: float

    def judged(self, value: float) -> str:
        """In words."""
        sign = 1 if self.better == "lower" else -1
        if value * sign <= self.target * sign:
            return "at target"
        return "within the gate" if value * sign <= self.gate * sign else "behind the gate"


BARS: Final[dict[str, Bar]] = {
    "ingest_steady_vs_sha256": Bar("lower", 1.8, 1.5),
    "ingest_fresh_vs_sha256": Bar("lower", 2.5, 2.0),
    "rss_short_bytes_per_entry": Bar("lower", 16, 10),
    "rss_mixed_bytes_per_entry": Bar("lower", 28, 16),
    "index_short_bytes_per_entry": Bar("lower", 14, 12.5),
    "index_mixed_bytes_per_entry": Bar("lower", 24, 19),
    "index_partitioned_bytes_per_entry": Bar("lower", 17, 15),
    "decode_vs_sha256": Bar("lower", 1.2, 0.7),
    "ingest_speedup_vs_cryptography": Bar("higher", 30, 80),
    "lookup_hit_vs_dict": Bar("lower", 0.6, 0.4),
    "lookup_miss_vs_dict": Bar("lower", 1.5, 0.9),
    "batch_speedup_vs_searchsorted": Bar("higher", 15, 40),
    "batch_mkeys_per_s": Bar("higher", 15, 40),
    "diff_vs_memcpy": Bar("lower", 8, 1.5),
    "day_1900_lists_vs_sha256": Bar("lower", 1.8, 1.1),
}

Measure = Callable[[], Figure]


#: Of these a second value: with every list read whole, as on a first night.
READ_WHOLE: Final[dict[str, Callable[..., Figure]]] = {
    "ingest_steady_vs_sha256": ingest_steady,
    "ingest_fresh_vs_sha256": ingest_fresh,
    "ingest_speedup_vs_cryptography": ingest_speedup,
    "day_1900_lists_vs_sha256": day_of_lists,
}


class _Group(NamedTuple):
    """Figures of one workload and size, one after the other; then their lists are removed."""

    workload: str
    entries: int
    figures: dict[str, Callable[[Materials, str, int], Figure]]


def _groups(entries: int, workload: str) -> Iterator[_Group]:
    both: dict[tuple[str, int], tuple[Figure, Figure]] = {}

    def batches(materials: Materials, name: str, count: int, which: int) -> Figure:
        if (name, count) not in both:
            both[name, count] = batch(materials, name, count)
        return both[name, count][which]

    yield _Group(
        workload,
        entries,
        {
            "ingest_steady_vs_sha256": ingest_steady,
            "decode_vs_sha256": decode,
            "diff_vs_memcpy": difference,
            "batch_speedup_vs_searchsorted": lambda m, w, n: batches(m, w, n, 0),
            "batch_mkeys_per_s": lambda m, w, n: batches(m, w, n, 1),
            "ingest_fresh_vs_sha256": ingest_fresh,
        },
    )
    yield _Group(
        "short",
        entries,
        {"rss_short_bytes_per_entry": resident, "index_short_bytes_per_entry": index_size},
    )
    yield _Group(
        "mixed",
        entries,
        {"rss_mixed_bytes_per_entry": resident, "index_mixed_bytes_per_entry": index_size},
    )
    yield _Group(
        "partitioned",
        entries,
        {"day_1900_lists_vs_sha256": day_of_lists, "index_partitioned_bytes_per_entry": index_size},
    )
    # A dict needs some 250 octets for each entry, cryptography a few minutes for 50 million of them.
    yield _Group(
        workload,
        min(entries, 10 * MILLION),
        {
            "lookup_hit_vs_dict": lambda m, w, n: lookup(m, w, n, hit=True),
            "lookup_miss_vs_dict": lambda m, w, n: lookup(m, w, n, hit=False),
        },
    )
    yield _Group(workload, min(entries, MILLION), {"ingest_speedup_vs_cryptography": ingest_speedup})


def report_of(
    entries: int, names: Collection[str], *, workload: str = "short", pairs: int, beside: bool
) -> dict[str, Any]:
    """Measure these figures; the report as it stands in ``--json``. ``beside``: the other ways too."""
    machine = machine_facts() | {"commit": commit(), "at": datetime.now(UTC).isoformat(timespec="seconds")}
    found: dict[str, Figure] = {}
    whole: dict[str, Figure] = {}
    others: dict[str, dict[str, Any]] = {}
    groups = [
        group._replace(figures=chosen)
        for group in _groups(entries, workload)
        if (chosen := {name: task for name, task in group.figures.items() if name in names})
    ]
    with (
        tempfile.TemporaryDirectory(prefix="jpki-benchmark-") as folder,
        asyncio.Runner() as runner,
    ):
        materials = Materials(Path(folder), runner, pairs)
        for at, group in enumerate(groups):
            for name, task in group.figures.items():
                print(
                    f"measuring {name} ({group.workload}, {group.entries:,}) ...", file=sys.stderr, flush=True
                )
                found[name] = task(materials, group.workload, group.entries)
                if beside and name in READ_WHOLE:
                    whole[name] = READ_WHOLE[name](materials, group.workload, group.entries, whole=True)
            if (group.workload, group.entries) not in {(g.workload, g.entries) for g in groups[at + 1 :]}:
                materials.release(group.workload, group.entries)
        if beside:
            print("measuring the other ways ...", file=sys.stderr, flush=True)
            others = neighbours(materials, workload, entries)
    ordered = {name: found[name] for name in BARS if name in found}
    return {
        "benchmark": "core",
        "entries": entries,
        "ratios": {name: round(figure.middle, 4) for name, figure in ordered.items()},
        "better": {name: BARS[name].better for name in ordered},
        "targets": {name: BARS[name].target for name in ordered},
        "gates": {name: BARS[name].gate for name in ordered},
        "spread": {name: round(figure.spread, 4) for name, figure in ordered.items()},
        "machine": machine
        | {
            "pairs": pairs,
            "sizes": {name: figure.entries for name, figure in ordered.items()},
            "workloads": {name: figure.workload for name, figure in ordered.items()},
            "lists": {
                name: load(figure.workload).scaled(figure.entries).lists for name, figure in ordered.items()
            },
            "seconds": {
                name: {side: round(value, 6) for side, value in figure.seconds.items()}
                for name, figure in ordered.items()
                if figure.seconds
            },
            "values": {
                name: [round(value, 4) for value in figure.values] for name, figure in ordered.items()
            },
            "read_whole": {
                name: {"ratio": round(figure.middle, 4), "spread": round(figure.spread, 4)}
                for name, figure in whole.items()
            },
            "neighbours": others,
        },
    }
