"""The tests' folder in memory: gone with its run, and where the run was killed, with the next."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.base.memory_folder import memory_folder, remove_left_over


def test_a_folder_lasts_as_long_as_its_run() -> None:
    """There while it is used, and gone afterwards; where there is no memory for it, none."""
    with memory_folder() as folder:
        if folder is None:
            return
        (folder / "inside").write_text("x")
        assert f"-{os.getpid()}-" in folder.name
    assert not folder.exists()


def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    """A folder of a process that is gone is removed; one of a living process, or of another name, stays."""
    ended = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True
    )
    left, alive, other = (
        tmp_path / name
        for name in (f"jpki-test-{ended.stdout.strip()}-a", f"jpki-test-{os.getpid()}-b", "jpki-test-x")
    )
    for folder in (left, alive, other):
        folder.mkdir()
        (folder / "file").write_text("x")
    remove_left_over(tmp_path)
    assert (left.exists(), alive.exists(), other.exists()) == (False, True, True)
