"""Fuzzing of the HTTP splitter of the OCSP fast path: start the children, gather what they found."""

from __future__ import annotations

import struct
import tempfile
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from tests.fuzz import builds
from tests.fuzz.walk_target import run_child

#: The product's readers are inline: a module of ours has them, as the fast path has.
READERS: Final = "_http_readers"
LOOP: Final = "_http_loop"
FOUND: Final = Path(__file__).resolve().parent / "corpus" / "http"
#: ``http_input`` in native/http_input.h: size, kind (0 head, 1 chunked body, 2 GET path), room, unused.
_HEAD: Final = struct.Struct("<iiii")


def build(*, thorough: bool = True, plant: str = "") -> builds.Build:
    return builds.asan(checked_drivers=(READERS,), drivers=(LOOP,), thorough=thorough, plant=plant)


def _last_input(held: bytes) -> dict[str, Any]:
    if len(held) < _HEAD.size:
        return {}
    size, kind, room, _ = _HEAD.unpack_from(held)
    return {"kind": kind, "room": room, "octets": held[_HEAD.size : _HEAD.size + size].hex()}


def run_once(build: builds.Build, *, seed: int, executions: int, seconds: float) -> dict[str, Any]:
    """One process. Its answer has ``finding`` and ``input`` where something is wrong, also if it died."""
    with tempfile.NamedTemporaryFile(prefix="fuzz-") as last:
        task = {
            "target": "http",
            "seed": seed,
            "executions": executions,
            "seconds": seconds,
            "last": last.name,
        }
        status, answer, errors = run_child(build, task, redzone=256)
        held = Path(last.name).read_bytes()
    if status:
        answer = {"finding": f"the child died with status {status}", "report": errors[-6000:]}
    return {"seed": seed, **answer, "input": _last_input(held) if answer["finding"] else None}


def run_agreement(build: builds.Build, *, seed: int, executions: int) -> dict[str, Any]:
    """So many heads; aiohttp reads those that are ours too, one octet after the other, so slowly."""
    task = {"target": "agreement", "seed": seed, "executions": executions}
    status, answer, errors = run_child(build, task, redzone=16)
    if status:
        answer = {"finding": f"the child died with status {status}", "report": errors[-6000:]}
    return {"seed": seed, **answer}


def run(*, seed: int, executions: int, seconds: float, processes: int) -> list[dict[str, Any]]:
    """Over some processes, each with a seed of its own. An input with a finding is stored in the corpus."""
    made = build()

    def one(number: int) -> dict[str, Any]:
        share = executions // processes + (number < executions % processes)
        return run_once(made, seed=seed + number, executions=share, seconds=seconds)

    with ThreadPoolExecutor(processes) as threads:
        answers = list(threads.map(one, range(processes)))
    for answer in answers:
        if answer["finding"]:
            FOUND.mkdir(parents=True, exist_ok=True)
            octets = bytes.fromhex(answer["input"].get("octets", ""))
            path = FOUND / f"{sha256(octets).hexdigest()[:16]}.kind{answer['input'].get('kind')}"
            path.write_bytes(octets)
            answer["stored"] = path.name
    return answers
