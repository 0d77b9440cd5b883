"""The process that fuzzes: ``python -m tests.fuzz.child``, started with the sanitizer's library preloaded.

It reads one JSON object from its standard input and writes one to its standard output. It uses the modules of
the build that it is told, never those of the source tree.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import json
import mmap
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

#: Size and flags of the present input, then the input (ROOM in pool.h).
LAST_INPUT_OCTETS = 8 + (1 << 17)


def use(folder: Path, *names: str) -> list[ModuleType]:
    """Import these modules from a build; their packages' other modules stay the source tree's."""
    sys.path.insert(0, str(folder))
    modules = []
    for name in names:
        package, _, _ = name.rpartition(".")
        if package:
            importlib.import_module(package).__path__.insert(0, str(folder.joinpath(*package.split("."))))
        module = importlib.import_module(name)
        if not Path(str(module.__file__)).is_relative_to(folder):
            raise SystemExit(f"expected {name} of the build for fuzzing, got another one")
        modules.append(module)
    return modules


def _traced(folder: Path, name: str) -> ModuleType:
    """A second build of a module, beside the first that has its name."""
    (path,) = folder.joinpath(*name.split(".")).parent.glob(name.rpartition(".")[2] + ".*.so")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"expected {name} built for tracing, got none")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _seeds(texts: list[list[Any]]) -> list[tuple[int, bytes]]:
    return [(flags, bytes.fromhex(text)) for flags, text in texts]


def _plain(seed: tuple[int, bytes]) -> list[Any]:
    return [seed[0], seed[1].hex()]


def walk(task: dict[str, Any]) -> dict[str, Any]:
    """Many runs of the walk; the last input is in the file ``last``, whatever becomes of this process."""
    _, loop = use(Path(task["folder"]), "revocation.crl._walk", "_walk_loop")
    with Path(task["last"]).open("r+b") as file:
        shared = mmap.mmap(file.fileno(), LAST_INPUT_OCTETS)
    traced = _traced(Path(task["folder"]) / "traced", "revocation.crl._walk") if task["guided"] else None
    anchor = ctypes.c_char.from_buffer(shared)
    seeds = _seeds(task["seeds"])
    answer: dict[str, Any] = loop.walk_many(
        seeds,
        task["seed"],
        task["executions"],
        task["seconds"],
        ctypes.addressof(anchor),
        traced=traced,
        sweeping=task["sweeping"],
    )
    if answer["input"]:
        answer["input"] = _plain(answer["input"])
    found = answer["new"]
    edges = [sorted(one) for one in loop.reached_by([*seeds, *found], traced)] if traced else []
    answer["known"] = sorted({edge for one in edges[: len(seeds)] for edge in one})
    answer["new"] = [[*_plain(one), reached] for one, reached in zip(found, edges[len(seeds) :], strict=True)]
    return answer


def changes(task: dict[str, Any]) -> dict[str, Any]:
    """Many comparisons of two lists; the last two are in the file ``last``, whatever becomes of this one."""
    _, loop = use(Path(task["folder"]), "revocation.crl._changed", "_changes_loop")
    with Path(task["last"]).open("r+b") as file:
        file.truncate(loop.INPUT_OCTETS)
        shared = mmap.mmap(file.fileno(), loop.INPUT_OCTETS)
    anchor = ctypes.c_char.from_buffer(shared)
    answer: dict[str, Any] = loop.compare_many(
        _seeds(task["seeds"]), task["seed"], task["executions"], task["seconds"], ctypes.addressof(anchor)
    )
    return answer


def request(task: dict[str, Any]) -> dict[str, Any]:
    """Many runs of the walk over a request; the last input is in the file ``last``."""
    walked, loop = use(Path(task["folder"]), "_request_walked", "_request_loop")
    with Path(task["last"]).open("r+b") as file:
        shared = mmap.mmap(file.fileno(), LAST_INPUT_OCTETS)
    traced = _traced(Path(task["folder"]) / "traced", "_request_walked") if task["guided"] else None
    anchor = ctypes.c_char.from_buffer(shared)
    seeds = [bytes.fromhex(text) for text in task["seeds"]]
    answer: dict[str, Any] = loop.request_many(
        walked,
        seeds,
        task["seed"],
        task["executions"],
        task["seconds"],
        ctypes.addressof(anchor),
        traced=traced,
        sweeping=task["sweeping"],
    )
    if answer["input"] is not None:
        answer["input"] = answer["input"].hex()
    found = answer["new"]
    edges = [sorted(one) for one in loop.reached_by([*seeds, *found], traced)] if traced else []
    answer["known"] = sorted({edge for one in edges[: len(seeds)] for edge in one})
    answer["new"] = [[one.hex(), reached] for one, reached in zip(found, edges[len(seeds) :], strict=True)]
    return answer


def index(task: dict[str, Any]) -> dict[str, Any]:
    """Many runs of the index reader."""
    names = [
        f"revocation.index.{name}" for name in ("_table", "_batch", "_ahead", "_check", "_differ", "_added")
    ]
    *_, loop = use(Path(task["folder"]), *names, "_index_loop")
    from tests.fuzz import index_child

    return index_child.run(task, loop)


def http(task: dict[str, Any]) -> dict[str, Any]:
    """Many request heads, chunked bodies and GET paths; the last one is in the file ``last``."""
    _, loop = use(Path(task["folder"]), "_http_readers", "_http_loop")
    with Path(task["last"]).open("r+b") as file:
        file.truncate(loop.INPUT_OCTETS)
        shared = mmap.mmap(file.fileno(), loop.INPUT_OCTETS)
    anchor = ctypes.c_char.from_buffer(shared)
    answer: dict[str, Any] = loop.split_many(
        task["seed"], task["executions"], task["seconds"], ctypes.addressof(anchor)
    )
    return answer


def agreement(task: dict[str, Any]) -> dict[str, Any]:
    """Many request heads, of which aiohttp's parser reads those that the splitter takes."""
    _, loop = use(Path(task["folder"]), "_http_readers", "_http_loop")
    from tests.features.agreement import differ_nowhere
    from tests.features.aiohttp_parser import Refused, event_loop

    taken = 0
    with event_loop() as made:
        for octets in loop.heads_made(task["seed"], task["executions"]):
            try:
                taken += differ_nowhere(octets, made)
            except (AssertionError, Refused) as error:
                return {"finding": f"aiohttp reads it in another way: {error!r}", "input": octets.hex()}
    return {"finding": None, "executions": task["executions"], "taken": taken}


def main() -> None:
    task = json.load(sys.stdin)
    os.nice(int(task.get("nice", 0)))
    targets = {
        "walk": walk,
        "changes": changes,
        "index": index,
        "request": request,
        "http": http,
        "agreement": agreement,
    }
    sys.stdout.write(json.dumps(targets[task["target"]](task)) + "\n")


if __name__ == "__main__":
    main()
