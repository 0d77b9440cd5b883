"""What the demo remembers survives a crash at any byte."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from platform_api.demo.state import DemoState
from revocation.errors import InputRefused

START = datetime(2026, 1, 1, tzinfo=UTC)


def fresh(folder: Path) -> DemoState:
    state = DemoState(folder)
    state.create(seed=1, days=3, residents=100, customers=10, start=START)
    return state


def test_a_torn_line_is_cut_and_what_follows_is_whole(tmp_path: Path) -> None:
    """A last line without its end is dropped on load; the next append starts on a line of its own."""
    state = fresh(tmp_path)
    state.append("fetches", {"n": 1})
    whole = (tmp_path / "received" / "fetches.jsonl").read_bytes()
    for cut in range(1, 8):
        (tmp_path / "received" / "fetches.jsonl").write_bytes(whole + b'{"n": 2}'[:cut])
        again = DemoState(tmp_path)
        again.load()
        again.append("fetches", {"n": 3})
        assert list(again.read("fetches")) == [{"n": 1}, {"n": 3}]


def test_the_plan_comes_back(tmp_path: Path) -> None:
    """Seed, days and start are those of the first start, not of the second."""
    fresh(tmp_path)
    again = DemoState(tmp_path)
    assert again.exists
    again.load()
    assert (again.data["seed"], again.start, again.finished) == (1, START, False)


@pytest.mark.parametrize("content", [b"", b"{", b"[]" * 3, b'{"version": 99}'])
def test_a_state_that_is_not_ours_is_refused(tmp_path: Path, content: bytes) -> None:
    """Garbage or another version: refused with the way out, never read half."""
    fresh(tmp_path)
    (tmp_path / "demo.json").write_bytes(content)
    with pytest.raises(InputRefused, match="--fresh"):
        DemoState(tmp_path).load()
