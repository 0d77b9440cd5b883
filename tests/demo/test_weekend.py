"""`jpki demo` on a Monday: its play was finished on Friday, and every list of it has expired since."""

from __future__ import annotations

import json
import signal
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from platform_api.demo.state import DemoState
from revocation.exits import Exit
from tests.demo.test_demo_whole import PLAN, Demo, report_of, wait_for_no_servers
from tests.night.live import call

WEEKEND = timedelta(days=3)


def wait_for_monday(journal: Path) -> None:
    """The sandbox's clock, which the play moved into the past, is the machine's again."""
    records = [json.loads(line[9:]) for line in journal.read_bytes().splitlines()]
    last = [record for record in records if record["kind"] == "played"][-1]
    last["offset_us"] += WEEKEND // timedelta(microseconds=1)
    lines = []
    for record in records:
        text = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()
        lines.append(b"%08x %s\n" % (zlib.crc32(text), text))
    journal.write_bytes(b"".join(lines))


@pytest.mark.slow
def test_a_finished_play_serves_after_a_weekend(tmp_path: Path) -> None:
    """Played as if on Friday; on Monday lists and night are made up for, and it serves with its report."""
    folder = tmp_path / "run"
    friday = datetime.now(UTC).replace(microsecond=0) - WEEKEND
    DemoState(folder).create(start=friday, **PLAN)
    playing = Demo(folder, "--json", "--once")
    playing.until('{"seed":')
    # OpenSSL has no other clock than the machine's, so Friday's answers are over for it: not a clean run.
    assert playing.end() == Exit.OWN_FAULT
    report = report_of(playing)
    assert report["truth"]["missed"] == report["truth"]["false_alarms"] == 0
    wait_for_monday(folder / "sandbox" / "journal.jsonl")
    monday = Demo(folder, "--json")
    try:
        monday.until('{"seed":')
        assert report_of(monday) == report
        status, ready = call("GET", f"http://127.0.0.1:{monday.port}/readyz")
        assert status == 200
        assert ready["set_seq"] > report["days"][-1]["set_seq"]
    finally:
        monday.end(signal.SIGTERM)
    wait_for_no_servers(folder)
