"""Fuzzing of the walk over revokedCertificates: start the children, gather what they found."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from tests.fuzz import builds
from tests.fuzz.child import LAST_INPUT_OCTETS
from tests.fuzz.seeds import Seed, seeds, smallest_cover, store

MODULE: Final = "revocation.crl._walk"
LOOP: Final = "_walk_loop"


def build(*, thorough: bool = True, plant: str = "") -> builds.Build:
    return builds.asan(MODULE, drivers=(LOOP,), traced=(MODULE,), thorough=thorough, plant=plant)


def run_child(
    build: builds.Build, task: dict[str, Any], *, redzone: int, more: str = ""
) -> tuple[int, dict[str, Any], str]:
    """One child to its end: its exit status, its answer (empty where it died), what it wrote as error."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.child"],
        input=json.dumps({"folder": str(build.folder), **task}),
        env=build.environment(redzone, more),
        cwd=builds.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, json.loads(done.stdout) if done.returncode == 0 else {}, done.stderr


def run_once(
    build: builds.Build,
    *,
    seed: int,
    executions: int,
    seconds: float,
    guided: bool = True,
    sweeping: bool = False,
    start: list[Seed] | None = None,
) -> dict[str, Any]:
    """One process. Its answer has ``finding`` and ``input`` where something is wrong, also if it died."""
    start = seeds() if start is None else start
    with tempfile.NamedTemporaryFile(prefix="fuzz-") as last:
        last.truncate(LAST_INPUT_OCTETS)
        task = {
            "target": "walk",
            "seeds": [[flags, octets.hex()] for flags, octets in start],
            "seed": seed,
            "executions": executions,
            "seconds": seconds,
            "guided": guided,
            "sweeping": sweeping,
            "last": last.name,
        }
        status, answer, errors = run_child(build, task, redzone=2048)
        if status == 0:
            return {"seed": seed, "guided": guided, **answer}
        held = Path(last.name).read_bytes()
    size, flags = (int.from_bytes(held[at : at + 4], "little") for at in (0, 4))
    return {
        "seed": seed,
        "guided": guided,
        "finding": f"the child died with status {status}",
        "input": [flags, held[8 : 8 + size].hex()],
        "report": errors[-6000:],
    }


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
        ((flags, bytes.fromhex(text)), set(edges))
        for answer in answers
        for flags, text, edges in answer.pop("new", ())
    ]
    chosen = smallest_cover([one for one, _ in found], [edges for _, edges in found], known)
    for answer in answers:
        if answer["finding"]:
            flags, text = answer["input"]
            answer["stored"] = store((flags, bytes.fromhex(text))).name
    if keep:
        for seed_found in chosen:
            store(seed_found)
    answers[0]["new_in_corpus"] = len(chosen) if keep else 0
    return answers
