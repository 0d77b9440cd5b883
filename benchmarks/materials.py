"""What the figures are measured on: made when the first of them needs it, gone when the last one has it."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.measuring import Pairs, in_turn
from benchmarks.nights import Night, Nights
from benchmarks.workload import load

_ROOT: Final = Path(__file__).parents[1]


def openssl_sha256(files: Sequence[Path]) -> None:
    """The neighbour: ``openssl dgst -sha256 FILE ...``, one process, its start included."""
    # The default library settings: a configuration file of this machine must not choose the hash.
    environment = os.environ | {"OPENSSL_CONF": os.devnull}
    command = ["openssl", "dgst", "-sha256", *map(str, files)]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, env=environment)


def openssl_sha256_on_one_core(files: Sequence[Path]) -> None:
    """The same, held on one core."""
    allowed = os.sched_getaffinity(0)
    # Of this thread alone, which the child inherits.
    os.sched_setaffinity(0, {min(allowed)})
    try:
        openssl_sha256(files)
    finally:
        os.sched_setaffinity(0, allowed)


@dataclass(frozen=True, slots=True)
class Fresh:
    """Fresh processes that ingested one night, and their neighbour."""

    #: Seconds of the ingest, and of ``openssl``.
    pairs: list[tuple[float, float]]
    peak_octets: list[int]
    entries: int


class Materials:
    """One run's folder, and what lies in it."""

    def __init__(self, folder: Path, runner: asyncio.Runner, pairs: int) -> None:
        self.folder: Final = folder
        self.pairs: Final = pairs
        self._runner: Final = runner
        self._nights: Final[dict[tuple[str, int], Nights]] = {}
        self._fresh: Final[dict[tuple[str, int, bool], Fresh]] = {}
        self._numbers: Final = itertools.count(1)

    def nights(self, workload: str, entries: int) -> Nights:
        """The days of a workload, the first one published."""
        key = workload, entries
        if key not in self._nights:
            folder = self.folder / f"{next(self._numbers)}-{workload}"
            self._nights[key] = Nights(folder, load(workload), entries, self._runner)
        return self._nights[key]

    def release(self, workload: str, entries: int) -> None:
        """Free the disk."""
        nights = self._nights.pop((workload, entries), None)
        if nights is not None:
            nights.close()

    def fresh(self, workload: str, entries: int, *, whole: bool) -> Fresh:
        """Nights, each the first thing that a process does; ``whole``: it reads every list whole."""
        key = workload, entries, whole
        if key not in self._fresh:
            nights = self.nights(workload, entries)
            peaks: list[int] = []

            def ours() -> float:
                result = _child(nights)
                peaks.append(result["peak_octets"])
                return float(result["seconds"])

            def neighbour() -> None:
                openssl_sha256(nights.files)

            def pairs() -> Pairs:
                while True:
                    nights.dawn()
                    if whole:
                        nights.forget_lists()
                    yield ours, neighbour

            taken = in_turn(pairs(), self.pairs, warm_up=0)
            self._fresh[key] = Fresh(taken, peaks, nights.entries)
        return self._fresh[key]


def _child(nights: Nights) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.child"],
        input=json.dumps(_for_child(nights.night())),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=_ROOT,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    nights.ingested(result["outcome"], result["entries"])
    return result


def _for_child(night: Night) -> dict[str, Any]:
    return {
        "snapshots": str(night.snapshots),
        "archive": str(night.archive),
        "files": list(map(str, night.files)),
        "at": night.at,
        "ca_certificate": night.ca_certificate.decode("ascii"),
        "publisher_key": base64.b64encode(night.publisher_key).decode("ascii"),
        "points": [base64.b64encode(point).decode("ascii") for point in night.points],
    }
