"""Instructions an entry and a look-up, counted by callgrind: the same on a noisy host as on a quiet one.

The counts stay in the repository, so that a slowdown shows in a comparison. They depend on the compiler,
on Python's version and on the processor's architecture, so they compare only where these are the same.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from benchmarks.counted import MARKS, NAMES
from benchmarks.measuring import not_a_figure
from benchmarks.nights import Nights
from benchmarks.search_figures import listed, unlisted
from benchmarks.workload import load
from revocation.errors import InputRefused, OutsideFailed
from revocation.exits import Exit

FILE: Final = Path(__file__).parent / "instructions.json"
#: A growth by more than this share fails the check.
ALLOWED: Final = 0.05
_ENTRIES: Final = 20_000
_ROOT: Final = Path(__file__).parents[1]
_SUMMARY: Final = re.compile(r"^(?:summary|totals): (\d+)", re.MULTILINE)


def _surroundings() -> dict[str, str]:
    return {
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "compiler": platform.python_compiler(),
    }


def measured() -> dict[str, float]:
    """Name to instructions for each entry or key."""
    with tempfile.TemporaryDirectory(prefix="jpki-benchmark-") as name, asyncio.Runner() as runner:
        folder = Path(name)
        _lay_out(folder, runner)
        counts = _counts(folder)
    found: dict[str, float] = {}
    for number, task in enumerate(NAMES):
        # What is called once and what is called twice differ by the task alone.
        once, twice = counts[number * MARKS + 1], counts[number * MARKS + 2]
        found[task] = round((twice - once) / _ENTRIES, 1)
    return found


def _lay_out(folder: Path, runner: asyncio.Runner) -> None:
    for workload in ("short", "mixed"):
        nights = Nights(folder / workload, load(workload), _ENTRIES, runner)
        os.link(nights.files[0], folder / f"{workload}.crl")
        if workload == "short":
            (index,) = (folder / workload / "snapshots").glob("*.index")
            os.link(index, folder / "short.index")
            hits = [serial for part in listed(nights) for serial in part.serials()]
            misses = unlisted(nights.calendar, 0, _ENTRIES)
            for kind, serials in (("hit", hits), ("miss", misses)):
                random.Random(nights.workload.seed).shuffle(serials)
                (folder / f"{kind}.serials").write_bytes(b"".join(serials))


def _counts(folder: Path) -> list[int]:
    """Of each stretch between two marks."""
    out = folder / "callgrind.out"
    command = [
        *("valgrind", "--tool=callgrind", "--quiet", f"--callgrind-out-file={out}"),
        "--dump-before=getppid",
        *(sys.executable, "-m", "benchmarks.counted", str(folder), str(_ENTRIES)),
    ]
    environment = os.environ | {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            command, cwd=_ROOT, env=environment, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise OutsideFailed(
            "VALGRIND_MISSING",
            expected="valgrind on this machine",
            got="none",
            remedy="install the package valgrind; only this command needs it",
        ) from error
    if done.returncode:
        raise not_a_figure(
            "callgrind to come to its end", (done.stderr.strip() or "nothing").splitlines()[-1]
        )
    parts = [folder / f"{out.name}.{number}" for number in range(1, len(NAMES) * MARKS + 1)]
    if not all(part.exists() for part in parts):
        raise not_a_figure(f"{len(parts)} parts from callgrind", "fewer")
    return [_count(part) for part in parts]


def _count(part: Path) -> int:
    found = _SUMMARY.search(part.read_text(encoding="utf-8", errors="replace"))
    if found is None:
        raise not_a_figure("a count in callgrind's output", "none")
    return int(found[1])


def write() -> int:
    """Count, and keep it in the repository."""
    counts = measured()
    kept = {"entries": _ENTRIES, "surroundings": _surroundings(), "instructions": counts}
    FILE.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    for name, count in counts.items():
        print(f"{name:16}{count:>10.1f}")
    return Exit.DONE


def check() -> int:
    """Count, and compare with what is kept."""
    kept = _kept()
    counts = measured()
    for name, count in counts.items():
        print(f"{name:16}{kept[name]:>10.1f} ->{count:>10.1f}{count / kept[name] - 1:>+8.1%}")
    if grown := grown_in(kept, counts):
        print(f"grew by more than {ALLOWED:.0%}: {', '.join(grown)}", file=sys.stderr)
        return Exit.OWN_FAULT
    return Exit.DONE


def grown_in(kept: dict[str, float], counts: dict[str, float]) -> list[str]:
    """Names of what costs more than it did."""
    return [name for name, count in counts.items() if count > kept[name] * (1 + ALLOWED)]


def _kept() -> dict[str, float]:
    row: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    here = _surroundings()
    there = row.get("surroundings", {})
    if set(row.get("instructions", {})) != set(NAMES):
        raise InputRefused(
            "INSTRUCTIONS_MALFORMED",
            expected=f"counts of {', '.join(NAMES)} in {FILE.name}",
            got="others",
            remedy="count anew: python -m benchmarks instructions",
        )
    if differing := [name for name, value in here.items() if there.get(name) != value]:
        raise InputRefused(
            "INSTRUCTIONS_FROM_ELSEWHERE",
            expected=", ".join(f"{name} {there.get(name)}" for name in differing),
            got=", ".join(here[name] for name in differing),
            remedy="count the older commit here, then compare: counts of two compilers say nothing",
        )
    kept: dict[str, float] = row["instructions"]
    return kept
