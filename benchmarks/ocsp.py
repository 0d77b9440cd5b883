"""``python -m benchmarks ocsp``: the report over OCSP, in the form of the core's."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.machine import commit, machine_facts
from benchmarks.measuring import Figure
from benchmarks.ocsp_bars import OCSP_BARS
from benchmarks.ocsp_figures import GROUPS, Bench
from revocation.errors import OutsideFailed

_MEMORY: Final = """
import json
from revocation.ocsp.cache import AnswerCache
def resident():
    for line in open("/proc/self/status"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
before = resident()
cache = AnswerCache(768 << 20)
for number in range(1_000_000):
    key = bytes([1, 8, 0, 0]) + number.to_bytes(8, "big") + bytes(12)
    cache.put_answer(key, 1, bytes(32), bytes(235), 0, 40, 120, 0)
print(json.dumps({"answers": cache.answers, "octets": cache.octets, "resident": resident() - before}))
"""


def report_of(names: Collection[str], *, pairs: int, seconds: float) -> dict[str, Any]:
    """Measure these figures; the report as it stands in ``--json``.

    A neighbour that cannot be had leaves its figure out, with the reason under ``skipped``.
    """
    machine = machine_facts() | {"commit": commit(), "at": datetime.now(UTC).isoformat(timespec="seconds")}
    found: dict[str, Figure] = {}
    skipped: dict[str, str] = {}

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="jpki-benchmark-") as folder:
        say("making a data folder with a set of today ...")
        bench = Bench(Path(folder), pairs, seconds, say)
        for members, measure in GROUPS:
            if not set(members) & set(names):
                continue
            say(f"measuring {', '.join(members)} ...")
            try:
                found |= measure(bench)
            except OutsideFailed as failure:
                if failure.code not in {"GO_MISSING", "GO_FAILED", "WRK_MISSING", "NGINX_MISSING"}:
                    raise
                for name in members:
                    skipped[name] = str(failure)
                say(f"skipped: {failure}")
    ordered = {name: found[name] for name in OCSP_BARS if name in found and name in names}
    return {
        "benchmark": "ocsp",
        "ratios": {name: round(figure.middle, 4) for name, figure in ordered.items()},
        "better": {name: OCSP_BARS[name].better for name in ordered},
        "targets": {name: OCSP_BARS[name].target for name in ordered},
        "gates": {name: OCSP_BARS[name].gate for name in ordered},
        "spread": {name: round(figure.spread, 4) for name, figure in ordered.items()},
        "skipped": skipped,
        "memory": memory(),
        "machine": machine
        | {
            "pairs": pairs,
            "seconds_each": seconds,
            "sides": {
                name: {side: round(value, 6) for side, value in figure.seconds.items()}
                for name, figure in ordered.items()
            },
            "values": {
                name: [round(value, 4) for value in figure.values] for name, figure in ordered.items()
            },
        },
    }


def memory() -> dict[str, int]:
    """A million answers in the cache, in a process of their own: octets in use, and resident."""
    done = subprocess.run([sys.executable, "-c", _MEMORY], capture_output=True, text=True, check=True)
    found: dict[str, int] = json.loads(done.stdout)
    return found


def table_of(report: dict[str, Any]) -> str:
    """The report, one figure a line."""
    lines = [f"{'ocsp':40}{'':>9}{'gate':>8}{'target':>8}  spread"]
    for name, ratio in report["ratios"].items():
        bar = OCSP_BARS[name]
        spread = report["spread"][name]
        lines.append(f"{name:40}{ratio:>9.2f}{bar.gate:>8}{bar.target:>8}{spread:>8.0%}  {bar.judged(ratio)}")
    for name, reason in report["skipped"].items():
        lines.append(f"{name:40}  skipped: {reason}")
    held = report["memory"]
    lines.append(
        f"a million answers: {held['octets'] / 1e6:.0f} MB in use, {held['resident'] / 1e6:.0f} MB resident"
    )
    return "\n".join(lines)
