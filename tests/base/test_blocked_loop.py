"""The guard against a blocked event loop guards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_a_busy_callback_fails_its_test_and_a_waiting_one_does_not() -> None:
    """Of the two samples the busy one ends in an error of the guard, the waiting one passes."""
    samples = Path(__file__).with_name("blocking_samples.py")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--no-header", str(samples)],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "2 passed, 1 error" in done.stdout
    assert "test_busy" in done.stdout.splitlines()[-2]
    assert "the event loop was blocked" in done.stdout
