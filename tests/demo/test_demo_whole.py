"""`jpki demo` as a newcomer meets it: run, interrupted, gone on with, its printed commands pasted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from platform_api.demo.state import DemoState
from platform_api.sandbox.settings import Chosen
from platform_api.sandbox.world import World
from revocation.clock import FixedClock
from revocation.exits import Exit
from tests.base.ports import free_port
from tests.night.live import call

PLAN = {"days": 1, "residents": 300, "customers": 24, "seed": 4}
SMALL = [argument for name, value in PLAN.items() for argument in (f"--{name}", str(value))]
PATIENCE_S = 150


class Demo:
    """One `jpki demo` as a child, with everything it printed so far."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.port, self.sandbox_port = free_port(), free_port()
        jpki = Path(sys.executable).parent / "jpki"
        self.process = subprocess.Popen(
            [
                str(jpki), "demo", *SMALL, "--data", str(folder), *arguments,
                "--port", str(self.port), "--sandbox-port", str(self.sandbox_port),
            ],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1,
            env={**os.environ, "COLUMNS": "200"},
        )  # fmt: skip
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            self.lines.extend(iter(output.readline, ""))

    def until(self, text: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not any(text in line for line in list(self.lines)):
            assert self.process.poll() is None, "".join(self.lines)
            assert time.monotonic() < deadline, "".join(self.lines)
            time.sleep(0.05)

    def end(self, number: int | None = None) -> int:
        if number is not None:
            self.process.send_signal(number)
        code = self.process.wait(PATIENCE_S)
        self._reader.join(30)
        return code


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A play was begun in it three days ago: its day 0 was published, and then it was stopped."""
    folder = tmp_path_factory.mktemp("demo") / "run"
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(days=3)
    DemoState(folder).create(start=start, **PLAN)
    (folder / "sandbox").mkdir()
    chosen = Chosen(seed=PLAN["seed"], residents=PLAN["residents"])
    world = World.open(folder / "sandbox", chosen, base=FixedClock(start))
    world.play(start - timedelta(days=1, minutes=5))
    world.close()
    return folder


def servers_of(folder: Path) -> list[str]:
    """Command lines of living processes that name this folder (zombies have none)."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in command and entry.parent.name != str(os.getpid()):
            found.append(command)
    return found


def wait_for_no_servers(folder: Path) -> None:
    deadline = time.monotonic() + 20
    while servers_of(folder):
        assert time.monotonic() < deadline, servers_of(folder)
        time.sleep(0.1)


def test_interrupted_it_leaves_nothing_running(folder: Path) -> None:
    """A play that was stopped for days says why it starts anew, and does. Ctrl-C amid on-boarding: exit
    130 and no process of ours is left.
    """
    demo = Demo(folder)
    demo.until("starts anew")
    demo.until("first answer")
    assert demo.end(signal.SIGINT) == Exit.INTERRUPTED
    wait_for_no_servers(folder)


def test_killed_it_leaves_nothing_running(folder: Path) -> None:
    """SIGKILL of the demo on its second start: servers and PostgreSQL end by themselves."""
    demo = Demo(folder)
    demo.until("customers on-boarded")
    demo.end(signal.SIGKILL)
    wait_for_no_servers(folder)


@pytest.fixture(scope="module")
def serving(folder: Path) -> Iterator[Demo]:
    """The third start goes on where the others stopped, reports, and serves."""
    demo = Demo(folder, "--json")
    try:
        demo.until('{"seed":')
        yield demo
    finally:
        if demo.process.poll() is None:
            demo.end(signal.SIGTERM)


def report_of(demo: Demo) -> dict[str, dict[str, int]]:
    line = next(line for line in demo.lines if line.startswith('{"seed":'))
    found: dict[str, dict[str, int]] = json.loads(line)
    return found


def test_after_two_interruptions_the_report_is_clean(serving: Demo) -> None:
    """Interrupted by Ctrl-C and by SIGKILL, the play still ends with nothing missed and nothing invented."""
    report = report_of(serving)
    truth, four, openssl = report["truth"], report["four_information"], report["openssl"]
    assert truth["changed"] == truth["detected"] > 0
    assert truth["missed"] == truth["false_alarms"] == 0
    assert four["wrong_items"] == four["without_consent"] == 0
    assert four["due"] == four["delivered"]
    assert openssl["asked"] == openssl["agreed"] >= 40


def test_a_second_demo_on_the_folder_is_refused(serving: Demo, folder: Path) -> None:
    """One sentence with the remedy, exit 5, and the first one goes on."""
    second = Demo(folder)
    assert second.end() == Exit.REFUSED
    assert "SECOND_INSTANCE" in "".join(second.lines)
    assert call("GET", f"http://127.0.0.1:{serving.port}/readyz")[0] == 200


def test_a_taken_port_is_refused_before_anything_is_made(serving: Demo, tmp_path: Path) -> None:
    """The service's port in use: exit 5, the option to change it is named, nothing was started."""
    jpki = Path(sys.executable).parent / "jpki"
    done = subprocess.run(
        [str(jpki), "demo", *SMALL, "--data", str(tmp_path / "other"), "--port", str(serving.port),
         "--sandbox-port", str(free_port())],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == Exit.REFUSED
    assert "--port" in done.stderr
    assert not (tmp_path / "other" / "sandbox").exists()


def test_the_printed_commands_work_as_printed(serving: Demo) -> None:
    """Every command, pasted unchanged into bash: exit 0, and the last ones bring the new event."""
    start = next(n for n, line in enumerate(serving.lines) if "Try it" in line)
    commands = [
        line.rstrip("\n")
        for line in serving.lines[start:]
        if line.startswith(("curl ", "openssl ", "JPKI_MODE="))
    ]
    assert len(commands) == 10
    outputs = []
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for command in commands:
        done = subprocess.run(
            ["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False,
            env={**os.environ, "PATH": path},
        )  # fmt: skip
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        outputs.append(done.stdout + done.stderr)
    assert json.loads(outputs[0])["status"]["status"] == "GOOD"
    assert "Response verify OK" in outputs[1]
    assert "revoked" in outputs[1]
    night = json.loads(outputs[5].strip().splitlines()[-1])
    assert night["events"] >= 1
    assert f'"set_seq":{night["set_seq"]}' in outputs[6].replace(" ", "")
    assert f'"url":"http://127.0.0.1:{serving.port}/c/' in outputs[7]
    assert json.loads(outputs[8])["people"][0]["kinds"] is not None
    assert "revocation_set_seq" in outputs[9]


def test_ctrl_c_while_serving_is_a_clean_end(serving: Demo, folder: Path) -> None:
    """Stopped while it serves: exit 0, nothing left running."""
    assert serving.end(signal.SIGINT) == Exit.DONE
    wait_for_no_servers(folder)


def test_a_finished_play_goes_on_and_can_still_be_exported(folder: Path, tmp_path: Path) -> None:
    """Started once more: the same report without playing again, exported as asked, and it serves."""
    demo = Demo(folder, "--json", "--export", str(tmp_path / "export"))
    try:
        demo.until('{"seed":')
        assert json.loads((tmp_path / "export" / "report.json").read_text()) == report_of(demo)
        assert (tmp_path / "export" / "life_log.jsonl").stat().st_size > 0
        assert call("GET", f"http://127.0.0.1:{demo.port}/readyz")[0] == 200
    finally:
        demo.end(signal.SIGTERM)
    wait_for_no_servers(folder)
