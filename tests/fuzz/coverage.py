"""Which branches of the walk, the comparison of two lists and the HTTP splitter are reached: gcov over C
code, by source lines.

Counted are the branches in functions without Python objects (``nogil``), in whatever file of the product they
stand; those of Cython's own code around them are not ours.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from tests.fuzz import builds, changes_target, http_target, request_target, walk_target

#: Percent of the branches that must be reached.
BAR: Final = 95.0
_FUNCTION: Final = re.compile(r"cdef\s.*?\(")


def _nogil_lines(source: Path) -> set[int]:
    """Numbers of the lines of functions that hold no Python object."""
    found: set[int] = set()
    lines = source.read_text().splitlines()
    at = 0
    while at < len(lines):
        if not _FUNCTION.match(lines[at]):
            at += 1
            continue
        head = at
        while at < len(lines) and not lines[at].rstrip().endswith(":"):
            if not lines[at].strip():
                break
            at += 1
        declared = " ".join(lines[head : at + 1])
        at += 1
        first = at
        while at < len(lines) and (not lines[at].strip() or lines[at][0] in " #)"):
            at += 1
        if "noexcept nogil:" in declared:
            found.update(range(first + 1, at + 1))
    return found


def _reports(folder: Path) -> Iterator[dict[str, Any]]:
    for counters in sorted(folder.rglob("*.gcda")):
        done = subprocess.run(
            ["gcov", "--branch-probabilities", "--json-format", "--stdout", counters.name],
            cwd=counters.parent,
            capture_output=True,
            text=True,
            check=True,
        )
        yield from json.loads(done.stdout)["files"]


def _measure(folder: Path) -> dict[str, Any]:
    files: dict[str, Any] = {}
    for report in _reports(folder):
        name = report["file"]
        source = builds.ROOT / name
        if not name.startswith(("revocation/", "platform_api/")) or source.suffix not in {".pyx", ".pxd"}:
            continue
        wanted = _nogil_lines(source)
        text = source.read_text().splitlines()
        branches = taken = lines = run = 0
        missed: list[str] = []
        for line in report["lines"]:
            number = line["line_number"]
            if number not in wanted:
                continue
            lines += 1
            run += line["count"] > 0
            counts = [branch["count"] for branch in line["branches"]]
            branches += len(counts)
            taken += sum(count > 0 for count in counts)
            never = sum(count == 0 for count in counts)
            if never or not line["count"]:
                missed.append(
                    f"{name}:{number}: {never} of {len(counts)} branches, {text[number - 1].strip()}"
                )
        if lines:
            files[name] = {"branches": branches, "taken": taken, "lines": lines, "run": run, "missed": missed}
    return files


def measure(*, seed: int, executions: int) -> dict[str, Any]:
    """Coverage of the walk by corpus and seeds as they are, and with so many changed inputs in addition.

    Then of the comparison, by a tenth as many pairs, and of the splitter, each at least a hundred thousand;
    of the walk over a request by its corpus and seeds as they are.
    """
    build = builds.gcov(
        walk_target.MODULE,
        changes_target.MODULE,
        drivers=(walk_target.LOOP, changes_target.LOOP, http_target.LOOP, request_target.LOOP),
        checked_drivers=(http_target.READERS, request_target.WALKED),
    )
    answer: dict[str, Any] = {"bar": BAR, "seed": seed}

    def walk(runs: int) -> dict[str, Any]:
        return walk_target.run_once(build, seed=seed, executions=runs, seconds=600, guided=False)

    def compare(runs: int) -> dict[str, Any]:
        return changes_target.run_once(build, seed=seed, executions=runs, seconds=600)

    def request(runs: int) -> dict[str, Any]:
        return request_target.run_once(build, seed=seed, executions=runs, seconds=600, guided=False)

    def split(runs: int) -> dict[str, Any]:
        return http_target.run_once(build, seed=seed, executions=runs, seconds=600)

    measured: list[tuple[str, Callable[[int], dict[str, Any]], int]] = [
        ("corpus", walk, 0),
        ("with_changes", walk, executions),
        ("comparison", compare, max(100_000, executions // 10)),
        ("request", request, 0),
        ("http", split, max(100_000, executions)),
    ]
    for name, run, runs in measured:
        for old in build.folder.rglob("*.gcda"):
            old.unlink()
        done = run(runs)
        if done["finding"]:
            raise SystemExit(f"expected runs without a finding, got: {done['finding']}; run its target")
        files = _measure(build.folder)
        branches = sum(one["branches"] for one in files.values())
        taken = sum(one["taken"] for one in files.values())
        answer[name] = {
            "executions": done["executions"],
            "branches": branches,
            "taken": taken,
            "percent": round(100 * taken / branches, 2) if branches else 0.0,
            "files": files,
        }
    return answer
