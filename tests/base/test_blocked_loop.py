"""The guard against a blocked event loop guards."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.base.eventually import HANG_S


def test_a_busy_callback_fails_its_test_and_a_waiting_one_does_not() -> None:
    """Of the samples the busy and the sleeping one end in an error of the guard, the waiting one passes; who
    gives the loop work from another thread fails.
    """
    samples = Path(__file__).with_name("blocking_samples.py")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--no-header", str(samples)],
        cwd=Path(__file__).parents[2], env=os.environ | {"TEST_SLOW_S": "2"},
        capture_output=True, text=True, timeout=HANG_S, check=False,
    )  # fmt: skip
    assert "1 failed, 3 passed, 2 errors" in done.stdout
    ended = [line.split(" - ")[0].rpartition("::")[2] for line in done.stdout.splitlines()[-4:-1]]
    assert sorted(ended) == ["test_asleep", "test_busy", "test_from_another_thread"]
    assert done.stdout.count("AssertionError: the event loop was blocked") == 2
    assert "Non-thread-safe operation" in done.stdout
