"""A night of the whole flow, end to end: people live, the sandbox signs, we fetch, publish, detect, ask.

Not a ratio: it says where the seconds and the memory of one night go, with however many residents. Each
step runs as its own process, as an operator runs it; its peak memory is the kernel's own figure (VmHWM).
"""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp

from benchmarks.machine import commit, machine_facts
from platform_api.demo.institution import Institution
from platform_api.demo.onboarding import Onboarding, choose_customers
from platform_api.demo.processes import Child, ChildFailed, command
from platform_api.demo.sandbox_client import SandboxClient
from platform_api.demo.state import DemoState
from platform_api.demo.world import NIGHT_DONE, Addresses, World
from revocation.clock import SystemClock

_SEED: Final = 1
_BACK: Final = timedelta(days=2, minutes=5)
_ASKED_AT_ONCE: Final = 8


@dataclass(slots=True)
class Night:
    """What was measured, step by step."""

    seconds: dict[str, float] = field(default_factory=dict)
    #: Octets at most, by process.
    peak: dict[str, int] = field(default_factory=dict)
    counts: dict[str, Any] = field(default_factory=dict)


def peak_of(pid: int) -> int:
    """VmHWM of a living process in octets; 0 where it is gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


async def run_measured(arguments: list[str], env: dict[str, str]) -> tuple[dict[str, Any], float, int]:
    """One command of ours: its JSON, its seconds, its peak memory."""
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *command(*arguments), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=env
    )
    peak = 0
    talking = asyncio.create_task(process.communicate())
    while not talking.done():
        peak = max(peak, peak_of(process.pid))
        await asyncio.wait([talking], timeout=0.02)
    out, err = talking.result()
    if process.returncode not in NIGHT_DONE:
        raise ChildFailed(arguments[0], process.returncode, err.decode(errors="replace").strip()[-300:])
    answer: dict[str, Any] = json.loads(out.decode().strip().splitlines()[-1])
    return answer, time.monotonic() - began, peak


def report_of(residents: int, customers: int) -> dict[str, Any]:
    folder = Path(tempfile.mkdtemp(prefix="jpki-night-"))
    try:
        night = asyncio.run(_measure(folder, residents, customers))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    whole = night.seconds["sandbox_signs_day_1"] + night.seconds["night_1"] + night.seconds["four_items"]
    shares = {
        step: round(night.seconds[step] / whole, 3)
        for step in ("sandbox_signs_day_1", "night_1", "four_items")
    }
    return {
        "benchmark": "night",
        "residents": residents,
        "customers": customers,
        "commit": commit(),
        "machine": {**machine_facts(), "at": SystemClock().now().isoformat()},
        "seconds": {step: round(value, 2) for step, value in night.seconds.items()},
        "night_seconds": round(whole, 2),
        "shares": shares,
        "peak_octets": night.peak,
        "counts": night.counts,
    }


async def _measure(folder: Path, residents: int, customers: int) -> Night:
    night = Night()
    addresses = Addresses(*_free_ports())
    world = World(folder, addresses, seed=_SEED, residents=residents)
    state = DemoState(folder)
    start = SystemClock().now().replace(microsecond=0) - _BACK
    state.create(seed=_SEED, days=1, residents=residents, customers=customers, start=start)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3600)) as session:
        try:
            await _timed(night, "sandbox_starts", world.sandbox.start())
            sandbox = SandboxClient(session, addresses.sandbox)
            played = await _timed(night, "sandbox_signs_day_0", sandbox.play(start))
            night.counts["lists"], night.counts["entries_day_0"] = played["lists"], played["entries"]
            await _timed(night, "service_starts", world.service.start())
            await _command(night, "night_0", ["nightly"], world)
            institution = await _institution(world, session, addresses)
            chosen = choose_customers(
                await sandbox.residents(min(residents, max(4 * customers, 500))),
                seed=_SEED,
                institutions=1,
                each=customers,
            )
            onboarding = Onboarding(state, sandbox, [institution], lambda _done, _total: None)
            await _timed(night, "onboarding", onboarding.run(chosen))
            night.counts["customers"] = len(chosen)
            played = await _timed(night, "sandbox_signs_day_1", sandbox.play(start + timedelta(days=1)))
            night.counts["life_events"], night.counts["entries_day_1"] = (
                played["life_events"],
                played["entries"],
            )
            report = await _command(night, "night_1", ["nightly"], world)
            night.counts["changes"], night.counts["events"] = report["changes"], report["events"]
            await _timed(night, "four_items", _four_items(night, institution))
        finally:
            for child in (world.sandbox, world.service):
                night.peak[child.name] = _peak_of_child(child)
            await world.stop()
    return night


async def _command(night: Night, step: str, arguments: list[str], world: World) -> dict[str, Any]:
    answer, seconds, peak = await run_measured(
        [*arguments, "--data", str(world.data), "--json"], dict(world.env)
    )
    night.seconds[step] = seconds
    night.peak[step] = peak
    return answer


async def _institution(world: World, session: aiohttp.ClientSession, addresses: Addresses) -> Institution:
    made, _, _ = await run_measured(
        [
            "institution",
            "create",
            "--data",
            str(world.data),
            "--name",
            "Bench",
            "--service",
            "bench",
            "--json",
        ],
        dict(world.env),
    )
    return Institution(session, addresses.service, {**made, "name": "Bench"})


async def _four_items(night: Night, institution: Institution) -> None:
    """Every changed customer's four items, as an institution fetches them, a few at once."""
    events = await institution.events_until(2)  # the second set that was ever published here
    due = sorted({e["registration_id"] for e in events if e["transition"] == "REVOKED"})
    turns = asyncio.Semaphore(_ASKED_AT_ONCE)
    outcomes: dict[str, int] = {}

    async def one(registration_id: str) -> None:
        async with turns:
            answer = await institution.fetch(registration_id, ["name", "address", "date_of_birth", "gender"])
            outcomes[answer["outcome"]] = outcomes.get(answer["outcome"], 0) + 1
            if answer["outcome"] == "DATA":
                await institution.acknowledge(registration_id)

    async with asyncio.TaskGroup() as group:
        for registration_id in due:
            group.create_task(one(registration_id))
    night.counts["four_information"] = dict(sorted(outcomes.items()))


async def _timed(night: Night, step: str, work: Any) -> Any:
    began = time.monotonic()
    done = await work
    night.seconds[step] = time.monotonic() - began
    return done


def _peak_of_child(child: Child) -> int:
    return 0 if child.pid is None else peak_of(child.pid)


def _free_ports() -> tuple[int, int]:
    import socket

    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]


def told(report: dict[str, Any]) -> str:
    """For people: each step, its seconds and its memory."""
    lines = [
        f"{report['residents']:,} residents, {report['counts']['customers']:,} customers, "
        f"{report['counts']['lists']:,} lists, {report['counts']['entries_day_1']:,} entries"
    ]
    for step, seconds in report["seconds"].items():
        peak = report["peak_octets"].get(step)
        memory = "" if peak is None else f"  {peak / 1e6:,.0f} MB at most"
        lines.append(f"  {step:22} {seconds:9.2f} s{memory}")
    for name in ("sandbox", "serve"):
        lines.append(f"  {name:22} {report['peak_octets'][name] / 1e6:,.0f} MB at most")
    lines.append(f"the night itself: {report['night_seconds']} s, of which {report['shares']}")
    return "\n".join(lines)
