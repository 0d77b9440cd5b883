"""Fuzzing of the walk over an OCSP request: start the children, gather what they found."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from tests.fuzz import builds
from tests.fuzz.child import LAST_INPUT_OCTETS
from tests.fuzz.request_seeds import seeds, store
from tests.fuzz.seeds import smallest_cover
from tests.fuzz.walk_target import run_child

#: Has the walk in it, which is inline.
WALKED: Final = "_request_walked"
LOOP: Final = "_request_loop"


def build(*, thorough: bool = True, plant: str = "") -> builds.Build:
    return builds.asan(
        drivers=(LOOP,),
        checked_drivers=(WALKED,),
        traced_drivers=(WALKED,),
        thorough=thorough,
        plant=plant,
    )


def run_once(
    build: builds.Build,
    *,
    seed: int,
    executions: int,
    seconds: float,
    guided: bool = True,
    sweeping: bool = False,
    start: list[bytes] | None = None,
) -> dict[str, Any]:
    """One process. Its answer has ``finding`` and ``input`` where something is wrong, also if it died."""
    start = seeds() if start is None else start
    with tempfile.NamedTemporaryFile(prefix="fuzz-") as last:
        last.truncate(LAST_INPUT_OCTETS)
        task = {
            "target": "request",
            "seeds": [octets.hex() for octets in start],
            "seed": seed,
            "executions": executions,
            "seconds": seconds,
            "guided": guided,
            "sweeping": sweeping,
            "last": last.name,
        }
        status, answer, errors = run_child(build, task, redzone=2048)
        held = Path(last.name).read_bytes()
    if status:
        size = int.from_bytes(held[:4], "little")
        answer = {
            "finding": f"the child died with status {status}",
            "input": held[8 : 8 + size].hex(),
            "report": errors[-6000:],
        }
    return {"seed": seed, "guided": guided, **answer}


def run(*, seed: int, executions: int, seconds: float, processes: int, keep: bool) -> list[dict[str, Any]]:
    """``executions`` over some processes, each with a seed of its own; ``keep`` stores what is new.

    The first process begins with every value of every octet of the short seeds.
    """
    made = build()
    start = seeds()

    def one(number: int) -> dict[str, Any]:
        share = executions // processes + (number < executions % processes)
        return run_once(
            made, seed=seed + number, executions=share, seconds=seconds, sweeping=number == 0, start=start
        )

    with ThreadPoolExecutor(processes) as threads:
        answers = list(threads.map(one, range(processes)))
    known = {edge for answer in answers for edge in answer.pop("known", ())}
    found = [
        ((0, bytes.fromhex(text)), set(edges)) for answer in answers for text, edges in answer.pop("new", ())
    ]
    chosen = smallest_cover([one for one, _ in found], [edges for _, edges in found], known)
    for answer in answers:
        if answer["finding"]:
            answer["stored"] = store(bytes.fromhex(answer["input"])).name
    if keep:
        for _, octets in chosen:
            store(octets)
    answers[0]["new_in_corpus"] = len(chosen) if keep else 0
    return answers
