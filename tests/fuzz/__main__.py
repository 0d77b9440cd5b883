"""``python -m tests.fuzz walk|changes|index|request|http|all|coverage``: give those who read foreign octets
such as nobody meant.

``walk``, ``changes``, ``index``, ``request`` and ``http`` are the targets, ``all`` these, then ``coverage``.
``--executions`` are those of the walk, of the walk over a request and of the HTTP splitter; of the comparison
of two lists a tenth as many, unless it is asked for by its name; of the index a five-hundredth as many whole
files, and a tenth as many images of sections. Ends with 1 where something was found or the coverage is below
the bar. Builds go to ``build/fuzz``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from typing import Any

from tests.fuzz import changes_target, coverage, http_target, index_target, request_target, walk_target


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _summary(name: str, answers: list[dict[str, Any]]) -> dict[str, Any]:
    executions = sum(int(one.get("executions", 0)) for one in answers)
    used = sum(float(one.get("cpu_seconds", 0)) for one in answers)
    findings = [one for one in answers if one["finding"]]
    for one in findings:
        _say(f"FINDING in {name}: {one['finding']}; input {one.get('input')}, stored as {one.get('stored')}")
        _say(str(one.get("report", "")))
    rate = round(executions / used) if used else 0
    _say(f"{name}: {executions} executions, {rate} for each second of a processor, {len(findings)} findings")
    return {
        "target": name,
        "executions": executions,
        "per_cpu_second": rate,
        "findings": len(findings),
        "runs": answers,
    }


def _walk(chosen: argparse.Namespace) -> dict[str, Any]:
    answers = walk_target.run(
        seed=chosen.seed,
        executions=chosen.executions,
        seconds=chosen.seconds,
        processes=chosen.processes,
        keep=chosen.keep,
    )
    return _summary("walk", answers)


def _changes(chosen: argparse.Namespace) -> dict[str, Any]:
    answers = changes_target.run(
        seed=chosen.seed,
        executions=chosen.executions if chosen.target == "changes" else max(1, chosen.executions // 10),
        seconds=chosen.seconds,
        processes=chosen.processes,
    )
    return _summary("changes", answers)


def _index(chosen: argparse.Namespace) -> dict[str, Any]:
    answers = index_target.run(
        seed=chosen.seed,
        executions=max(1, chosen.executions // 500),
        images=max(1, chosen.executions // 10),
        seconds=chosen.seconds,
        processes=chosen.processes,
    )
    summary = _summary("index, whole files", answers)
    images = [one["images"] for one in answers if "images" in one]
    done = sum(one["executions"] for one in images)
    rate = round(done / max(1e-9, sum(one["cpu_seconds"] for one in images)))
    _say(f"index, images of sections: {done} executions, {rate} for each second of a processor")
    return {**summary, "images": done, "images_per_cpu_second": rate}


def _request(chosen: argparse.Namespace) -> dict[str, Any]:
    answers = request_target.run(
        seed=chosen.seed,
        executions=chosen.executions,
        seconds=chosen.seconds,
        processes=chosen.processes,
        keep=chosen.keep,
    )
    return _summary("request", answers)


def _http(chosen: argparse.Namespace) -> dict[str, Any]:
    answers = http_target.run(
        seed=chosen.seed,
        executions=chosen.executions,
        seconds=chosen.seconds,
        processes=chosen.processes,
    )
    agreed = http_target.run_agreement(
        http_target.build(), seed=chosen.seed, executions=max(1, chosen.executions // 1000)
    )
    summary = _summary("http", answers)
    _say(f"http, against aiohttp: {agreed.get('taken')} of {agreed.get('executions')} heads are ours")
    if agreed["finding"]:
        _say(f"FINDING: {agreed['finding']}; input {agreed.get('input')}")
    return {**summary, "findings": summary["findings"] + bool(agreed["finding"]), "agreement": agreed}


def _coverage(chosen: argparse.Namespace) -> dict[str, Any]:
    measured = coverage.measure(seed=chosen.seed, executions=min(chosen.executions, 1_000_000))
    for name in ("corpus", "with_changes", "comparison", "request", "http"):
        one = measured[name]
        _say(f"coverage, {name}: {one['taken']} of {one['branches']} branches, {one['percent']} %")
        for file in one["files"].values():
            for line in file["missed"]:
                _say(f"  never: {line}")
    bars = ("corpus", "comparison", "request", "http")
    low = [name for name in bars if measured[name]["percent"] < coverage.BAR]
    return {"target": "coverage", "findings": len(low), **measured}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    targets = {
        "walk": _walk,
        "changes": _changes,
        "index": _index,
        "request": _request,
        "http": _http,
        "coverage": _coverage,
    }
    parser.add_argument("target", choices=(*targets, "all"))
    parser.add_argument("--executions", type=int, default=1_000_000, help="see above; over all processes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--seconds", type=float, default=float("inf"), help="the longest time for each process"
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--keep", action="store_true", help="store inputs that reach something new in the corpus"
    )
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")
    chosen = parser.parse_args()
    started = time.monotonic()
    results = [targets[name](chosen) for name in targets if chosen.target in {name, "all"}]
    if chosen.json:
        _say(json.dumps({"fuzz": results, "seconds": round(time.monotonic() - started, 1)}))
    return 1 if any(one["findings"] for one in results) else 0


if __name__ == "__main__":
    sys.exit(main())
