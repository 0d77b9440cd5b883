"""The library's figures: each pairs our function with its neighbour, in turn, and takes the median ratio.

A figure is (time of ours) / (time of the neighbour), or the inverse where "higher" is better. Each pair's
material is made before the clock starts, and who goes first alternates.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import os
import platform
import random
import ssl
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import cryptography
from cryptography import x509

from benchmarks.workloads import SEED, SERIALS, Nights, Workload
from revocation.authorities import Lineage
from revocation.crl.decode import decode_certificate_list
from revocation.snapshot.current import Snapshot

PAIRS: Final = 7
_LOOKUPS: Final = 20_000

Task = Callable[[], object]
#: Endless (ours, neighbour), each pair with material of its own.
Pairs = Iterator[tuple[Task, Task]]


def _sha256_of(file: Path) -> bytes:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").digest()


def _decode_vs_sha256(nights: Nights) -> Pairs:
    nights.snapshot()
    der = nights.file.read_bytes()
    if decode_certificate_list(der).entries.count != nights.workload.entries:
        raise RuntimeError("expected every entry of the list, got another number")
    while True:
        yield partial(decode_certificate_list, der), partial(hashlib.sha256, der)


def _ingest_vs_sha256(nights: Nights) -> Pairs:
    nights.snapshot()
    while True:
        file = nights.dawn()
        yield nights.ingest, partial(_sha256_of, file)


def _load_and_iterate(file: Path) -> int:
    """Serial, date and reason of every entry, as a program on cryptography would read them."""
    count = 0
    for entry in x509.load_der_x509_crl(file.read_bytes()):
        _ = entry.serial_number, entry.revocation_date_utc
        for extension in entry.extensions:
            if isinstance(extension.value, x509.CRLReason):
                _ = extension.value.reason
        count += 1
    return count


def _ingest_vs_cryptography(nights: Nights) -> Pairs:
    nights.snapshot()
    while True:
        file = nights.dawn()
        yield nights.ingest, partial(_load_and_iterate, file)


def _look_up(snapshot: Snapshot, lineage: Lineage, serials: list[bytes]) -> int:
    found = 0
    lookup = snapshot.lookup
    for serial in serials:
        if lookup(lineage, serial) is not None:
            found += 1
    return found


def _get(table: dict[bytes, tuple[int, int, int]], serials: list[bytes]) -> int:
    found = 0
    get = table.get
    for serial in serials:
        if get(serial) is not None:
            found += 1
    return found


def _lookup_vs_dict(nights: Nights, *, hit: bool) -> Pairs:
    snapshot, lineage = nights.snapshot(), nights.scope.lineage
    listed = nights.workload.listed(nights.day)
    table = {serial: (1_700_000_000 + at, 1, 1) for at, serial in enumerate(listed)}
    known = set(nights.workload.serials)
    rng = random.Random(SEED)

    def unlisted() -> bytes:
        while (serial := rng.choice(SERIALS).to_bytes(4, "big")) in known:
            pass
        return serial

    while True:
        serials = rng.choices(listed, k=_LOOKUPS) if hit else [unlisted() for _ in range(_LOOKUPS)]
        # New objects for each use: a bytes object keeps its hash, and a request's serial never has one yet.
        first, ours, theirs = ([bytes(bytearray(serial)) for serial in serials] for _ in range(3))
        if not _look_up(snapshot, lineage, first) == _get(table, first) == (_LOOKUPS if hit else 0):
            raise RuntimeError("expected set and dict to agree, got a difference")
        yield partial(_look_up, snapshot, lineage, ours), partial(_get, table, theirs)


class Figure(NamedTuple):
    """One row of the performance table: how to measure it, and what it must come to."""

    pairs: Callable[[Nights], Pairs]
    better: Literal["lower", "higher"]
    gate: float
    target: float


FIGURES: Final[dict[str, Figure]] = {
    "decode_vs_sha256": Figure(_decode_vs_sha256, "lower", 1.2, 0.7),
    "ingest_steady_vs_sha256": Figure(_ingest_vs_sha256, "lower", 1.8, 1.5),
    "ingest_speedup_vs_cryptography": Figure(_ingest_vs_cryptography, "higher", 30.0, 80.0),
    "lookup_hit_vs_dict": Figure(partial(_lookup_vs_dict, hit=True), "lower", 0.6, 0.4),
    "lookup_miss_vs_dict": Figure(partial(_lookup_vs_dict, hit=False), "lower", 1.5, 0.9),
}


def _seconds(task: Task) -> float:
    started = time.perf_counter()
    task()
    return time.perf_counter() - started


def measure(figure: Figure, nights: Nights) -> list[tuple[float, float]]:
    """``PAIRS`` times (seconds of ours, seconds of the neighbour), after one pair that does not count."""
    pairs = figure.pairs(nights)
    taken: list[tuple[float, float]] = []
    for number in range(-1, PAIRS):
        ours, neighbour = next(pairs)
        # What the benchmark itself holds must not make either side's garbage collection dearer.
        gc.collect()
        gc.freeze()
        if number % 2:
            theirs_took = _seconds(neighbour)
            ours_took = _seconds(ours)
        else:
            ours_took = _seconds(ours)
            theirs_took = _seconds(neighbour)
        if number >= 0:
            taken.append((ours_took, theirs_took))
    gc.unfreeze()
    return taken


def report_of(entries: int, names: Sequence[str]) -> dict[str, Any]:
    """Measure these figures; the report as it stands in ``--json``."""
    ratios: dict[str, float] = {}
    spread: dict[str, float] = {}
    seconds: dict[str, dict[str, float]] = {}
    machine = machine_facts()
    # The first list, and for either ingest figure one for each pair and one more.
    workload = Workload(entries, 1 + 2 * (PAIRS + 1))
    with tempfile.TemporaryDirectory(prefix="jpki-benchmark-") as folder, asyncio.Runner() as runner:
        nights = Nights(Path(folder), workload, runner)
        for name in names:
            print(f"measuring {name} ...", file=sys.stderr, flush=True)
            figure = FIGURES[name]
            taken = measure(figure, nights)
            values = [o / n if figure.better == "lower" else n / o for o, n in taken]
            low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
            ratios[name] = round(middle, 4)
            spread[name] = round((high - low) / middle, 4)
            ours, neighbour = (statistics.median(side) for side in zip(*taken, strict=True))
            seconds[name] = {"ours": round(ours, 6), "neighbour": round(neighbour, 6)}
    return {
        "benchmark": "core",
        "entries": entries,
        "ratios": ratios,
        "better": {name: FIGURES[name].better for name in names},
        "targets": {name: FIGURES[name].target for name in names},
        "gates": {name: FIGURES[name].gate for name in names},
        "spread": spread,
        "machine": machine | {"pairs": PAIRS, "seed": SEED, "seconds": seconds},
    }


def machine_facts() -> dict[str, Any]:
    """What a reader needs to compare: SHA-NI above all, since SHA-256 is the neighbour."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text(encoding="utf-8").splitlines() if facts.exists() else []
    cpu = dict(line.replace("\t", "").split(":", 1) for line in lines if ":" in line)
    flags = cpu.get("flags", cpu.get("Features", "")).split()
    return {
        "cpu": cpu.get("model name", platform.machine()).strip(),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "sha_instructions": not {"sha_ni", "sha2"}.isdisjoint(flags),
        "load_1min_at_start": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION,
        "cryptography": cryptography.__version__,
    }


def table_of(report: dict[str, Any]) -> str:
    """The report for people."""
    lines = [
        f"{'core, ' + str(report['entries']) + ' entries':34}{'ratio':>10}{'gate':>8}{'target':>8}  spread"
    ]
    for name, ratio in report["ratios"].items():
        gate, target, lower = (
            report["gates"][name],
            report["targets"][name],
            report["better"][name] == "lower",
        )
        word = "at target" if (ratio <= target if lower else ratio >= target) else "behind the gate"
        if word != "at target" and (ratio <= gate if lower else ratio >= gate):
            word = "within the gate"
        lines.append(f"{name:34}{ratio:>10.2f}{gate:>8}{target:>8}{report['spread'][name]:>8.0%}  {word}")
    return "\n".join(lines)
