"""Several of our processes at the same moment on one fresh folder: they agree, and none fails."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from tests.night.live import JPKI

AT_ONCE = 5


def test_first_starts_at_the_same_moment_agree(tmp_path: Path) -> None:
    """Five institutions made at once in a folder without keys, cluster or roles: five different ones."""
    data = str(tmp_path / "data")
    children = [
        subprocess.Popen(
            [*JPKI, "institution", "create", "--data", data, "--json",
             "--name", f"Bank {n}", "--service", f"service-{n}"],
            env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for n in range(AT_ONCE)
    ]  # fmt: skip
    made = []
    for child in children:
        out, err = child.communicate(timeout=120)
        assert child.returncode == 0, err
        made.append(json.loads(out.strip().splitlines()[-1]))
    assert len({one["institution_id"] for one in made}) == AT_ONCE
    assert len({one["api_key"] for one in made}) == AT_ONCE
