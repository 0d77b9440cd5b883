"""The guard against a blocked event loop guards."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

from tests.base.eventually import HANG_S

BLOCKED = "AssertionError: the event loop was blocked"


def test_a_busy_callback_fails_its_test_and_a_waiting_one_does_not(tmp_path: Path) -> None:
    """Of the samples the busy and the sleeping one end in an error of the guard, the waiting one passes; who
    gives the loop work from another thread fails.

    Read from pytest's report for machines: what it prints for people differs with the terminal's width, and
    where the environment has ``CI``.
    """
    samples = Path(__file__).with_name("blocking_samples.py")
    report = tmp_path / "report.xml"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--no-header", f"--junitxml={report}", str(samples)],
        cwd=Path(__file__).parents[2], env=os.environ | {"TEST_SLOW_S": "2"},
        capture_output=True, text=True, timeout=HANG_S, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout
    cases = list(ElementTree.parse(report).iter("testcase"))
    assert {case.get("name") for case in cases} == {
        "test_quiet", "test_busy", "test_asleep", "test_from_another_thread",
    }  # fmt: skip
    ended = {
        (str(case.get("name")), outcome.tag, "".join(outcome.itertext()))
        for case in cases
        for outcome in case
    }
    assert {(name, how) for name, how, _ in ended} == {
        ("test_asleep", "error"), ("test_busy", "error"), ("test_from_another_thread", "failure"),
    }  # fmt: skip
    told = {name: text for name, _, text in ended}
    assert BLOCKED in told["test_asleep"]
    assert BLOCKED in told["test_busy"]
    assert "Non-thread-safe operation" in told["test_from_another_thread"]
