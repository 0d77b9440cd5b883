"""``python -m benchmarks.counted FOLDER``: what ``instructions.py`` runs under callgrind.

Callgrind writes down what it has counted, and starts again at 0, whenever somebody calls getppid(2): so
each stretch between two marks has a file of its own. Without numpy, whose code depends on the processor.
"""

from __future__ import annotations

import array
import gc
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.walking import entries_of
from revocation.index.search import Index

#: In this order; each a file, or two, that ``instructions.py`` has laid into the folder.
NAMES: Final = (
    "decode_short",
    "decode_mixed",
    "get_hit",
    "get_miss",
    "get_many_hit",
    "get_many_miss",
)
#: Stretches of each: what comes before, once, twice.
MARKS: Final = 3
SERIAL_OCTETS: Final = 4


def get_each(index: Index, serials: list[bytes]) -> None:
    """One look-up after the other, the loop included."""
    get = index.get
    for serial in serials:
        get(serial)


def tasks_of(folder: Path, count: int) -> dict[str, Callable[[], object]]:
    """Each of ``NAMES`` over ``count`` entries or keys."""
    tasks: dict[str, Callable[[], object]] = {}
    for shape in ("short", "mixed"):
        tasks[f"decode_{shape}"] = entries_of((folder / f"{shape}.crl").read_bytes(), count).walk
    index = Index.open(folder / "short.index", set_seq=1)
    for kind in ("hit", "miss"):
        packed = (folder / f"{kind}.serials").read_bytes()
        serials = [packed[at : at + SERIAL_OCTETS] for at in range(0, len(packed), SERIAL_OCTETS)]
        numbers = array.array("Q", (int.from_bytes(serial, "big") for serial in serials))
        tasks[f"get_{kind}"] = partial(get_each, index, serials)
        tasks[f"get_many_{kind}"] = partial(index.get_many, numbers)
    return tasks


def main(folder: Path, count: int) -> None:
    """Every task, with a mark after each stretch."""
    tasks = tasks_of(folder, count)
    gc.disable()
    for name in NAMES:
        task = tasks[name]
        task()
        os.getppid()
        task()
        os.getppid()
        task()
        task()
        os.getppid()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
