"""Fixtures of the sandbox's tests."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from platform_api.sandbox.world import World
from tests.sandbox.worlds import NOW, OPENED, copied_world, open_world, play_days


@pytest.fixture(autouse=True)
def worlds_are_closed() -> Iterator[None]:
    """Closes what the test opened, also when it failed in between."""
    before = len(OPENED)
    yield
    for world in OPENED[before:]:
        world.close()
    del OPENED[before:]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world of 120 people, three days old; tests that share it only read."""
    world = open_world(tmp_path_factory.mktemp("played"))
    play_days(world, 3)
    yield world
    world.close()


@pytest.fixture
def fresh(tmp_path: Path) -> World:
    """A world of 120 people with day 0 played, for one test alone."""
    return copied_world(tmp_path, NOW - timedelta(minutes=5))
