"""Fuzzing of the comparison of two lists' entries: start the children, gather what they found."""

from __future__ import annotations

import json
import struct
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from tests.fuzz import builds
from tests.fuzz.seeds import seeds
from tests.fuzz.walk_target import run_child

MODULE: Final = "revocation.crl._changed"
LOOP: Final = "_changes_loop"
FOUND: Final = Path(__file__).resolve().parent / "corpus" / "changes"
#: ``sides`` in native/sides.h: sizes of the new and the old side, most, step; then room for each side.
_HEAD: Final = struct.Struct("<iiqq")
_SIDE_ROOM: Final = 1 << 17
#: The product takes and gives back memory in every run: what is given back stays forbidden for some hundred
#: runs, and a report does not say where it was taken.
_QUICKER: Final = ":quarantine_size_mb=4:thread_local_quarantine_size_kb=64:malloc_context_size=1"


def build(*, thorough: bool = True, plant: str = "") -> builds.Build:
    return builds.asan(MODULE, drivers=(LOOP,), thorough=thorough, plant=plant)


def _last_input(held: bytes) -> dict[str, Any]:
    if len(held) < _HEAD.size:
        return {}
    new, old, most, step = _HEAD.unpack_from(held)
    sides = [held[at : at + size].hex() for at, size in ((_HEAD.size, new), (_HEAD.size + _SIDE_ROOM, old))]
    return {"new": sides[0], "old": sides[1], "most": most, "step": step}


def run_once(build: builds.Build, *, seed: int, executions: int, seconds: float) -> dict[str, Any]:
    """One process. Its answer has ``finding`` and ``input`` where something is wrong, also if it died."""
    with tempfile.NamedTemporaryFile(prefix="fuzz-") as last:
        task = {
            "target": "changes",
            "seeds": [[flags, octets.hex()] for flags, octets in seeds()],
            "seed": seed,
            "executions": executions,
            "seconds": seconds,
            "last": last.name,
        }
        status, answer, errors = run_child(build, task, redzone=256, more=_QUICKER)
        held = Path(last.name).read_bytes()
    if status:
        answer = {"finding": f"the child died with status {status}", "report": errors[-6000:]}
    return {"seed": seed, **answer, "input": _last_input(held) if answer["finding"] else None}


def run(*, seed: int, executions: int, seconds: float, processes: int) -> list[dict[str, Any]]:
    """Over some processes, each with a seed of its own. Two sides with a finding are stored in the corpus."""
    made = build()

    def one(number: int) -> dict[str, Any]:
        share = executions // processes + (number < executions % processes)
        return run_once(made, seed=seed + number, executions=share, seconds=seconds)

    with ThreadPoolExecutor(processes) as threads:
        answers = list(threads.map(one, range(processes)))
    for answer in answers:
        if answer["finding"]:
            FOUND.mkdir(parents=True, exist_ok=True)
            path = FOUND / f"seed{answer['seed']}.json"
            path.write_text(json.dumps(answer["input"]) + "\n")
            answer["stored"] = path.name
    return answers
