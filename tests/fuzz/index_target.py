"""Fuzzing of the index reader: start the children, gather what they found."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from tests.fuzz import builds
from tests.fuzz.index_seeds import files
from tests.fuzz.walk_target import run_child

MODULES: Final = tuple(
    f"revocation.index.{name}" for name in ("_table", "_batch", "_ahead", "_check", "_differ", "_added")
)
FOUND: Final = Path(__file__).resolve().parent / "corpus" / "index"
_LONGEST: Final = 1 << 20


def build(*, thorough: bool = True) -> builds.Build:
    return builds.asan(*MODULES, checked_drivers=("_index_loop",), thorough=thorough)


def run_once(
    build: builds.Build, *, seed: int, executions: int, images: int, seconds: float
) -> dict[str, Any]:
    """One process: ``executions`` whole files, then ``images`` changed images of sections."""
    with tempfile.NamedTemporaryFile(prefix="fuzz-") as last:
        last.truncate(_LONGEST)
        task = {
            "target": "index",
            "files": [data.hex() for data in files()],
            "seed": seed,
            "executions": executions,
            "images": images,
            "seconds": seconds,
            "last": last.name,
        }
        status, answer, errors = run_child(build, task, redzone=128)
        if status == 0:
            return {"seed": seed, **answer}
        held = Path(last.name).read_bytes()
    size, number = (int.from_bytes(held[at : at + 4], "little") for at in (0, 4))
    return {
        "seed": seed,
        "finding": f"the child died with status {status}",
        "input": [number, held[8 : 8 + size].hex()],
        "report": errors[-6000:],
    }


def run(*, seed: int, executions: int, images: int, seconds: float, processes: int) -> list[dict[str, Any]]:
    """Over some processes, each with a seed of its own. A file with a finding is stored in the corpus."""
    made = build()

    def one(number: int) -> dict[str, Any]:
        def share(total: int) -> int:
            return total // processes + (number < total % processes)

        return run_once(
            made, seed=seed + number, executions=share(executions), images=share(images), seconds=seconds
        )

    with ThreadPoolExecutor(processes) as threads:
        answers = list(threads.map(one, range(processes)))
    for answer in answers:
        if answer["finding"] and answer["input"]:
            number, text = answer["input"]
            FOUND.mkdir(parents=True, exist_ok=True)
            path = FOUND / f"seed{answer['seed']}-file{number}.index"
            path.write_bytes(bytes.fromhex(text))
            answer["stored"] = path.name
    return answers
