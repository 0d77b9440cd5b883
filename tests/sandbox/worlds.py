"""Small worlds for the tests: a fixed machine clock, one set of keys for the whole run, 120 residents."""

from __future__ import annotations

import atexit
import shutil
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from platform_api.sandbox.ca import algorithms
from platform_api.sandbox.keys import Algorithm, make_keys, store_keys
from platform_api.sandbox.kinds import ALL, profiles
from platform_api.sandbox.settings import Chosen
from platform_api.sandbox.world import World
from revocation.clock import FixedClock

#: The machine's time when a test world is founded.
NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
DAY = timedelta(days=1)
RESIDENTS = 120
#: Every world that a test opened, so that none stays open after a failed assertion.
OPENED: list[World] = []


def _folder_of_the_run(prefix: str) -> Path:
    """It goes with the process."""
    folder = Path(mkdtemp(prefix=prefix))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def keys_file() -> Path:
    """Keys cost a second to make; every test world gets the same ones."""
    path = _folder_of_the_run("sandbox-keys-") / "keys.pem"
    found = profiles(ALL, phone_shares_ca=False)
    store_keys(path, make_keys({each.ca_id: algorithms(each, Algorithm.RSA) for each in found}))
    return path


def folder_with_keys(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(keys_file(), folder / "keys.pem")
    return folder


def open_world(
    folder: Path, *, seed: int | None = None, residents: int | None = None, clock: FixedClock | None = None
) -> World:
    """The world in that folder, founded if there is none."""
    if not (folder / "journal.jsonl").exists():
        folder_with_keys(folder)
        seed, residents = seed or 1, residents or RESIDENTS
    world = World.open(folder, Chosen(seed=seed, residents=residents), base=clock or FixedClock(NOW))
    OPENED.append(world)
    return world


@cache
def _template(played: tuple[datetime, ...]) -> Path:
    """A folder whose world lived through these publications; made once for the run."""
    folder = _folder_of_the_run("sandbox-world-")
    world = open_world(folder)
    for this_update in played:
        world.play(this_update)
    world.close()
    return folder


def copied_world(folder: Path, *played: datetime) -> World:
    """Seed 1 with these publications played: copied, because signing them for every test costs."""
    shutil.copytree(_template(played), folder, dirs_exist_ok=True)
    return open_world(folder)


def play_days(world: World, days: int, *, last: datetime = NOW - timedelta(minutes=5)) -> None:
    """Day 0 and ``days`` more, the last of them published at ``last``."""
    for back in range(days, -1, -1):
        world.play(last - back * DAY)


def all_lists(world: World) -> dict[tuple[str, str], bytes]:
    _, publication = world.begun()
    return {key: signed.der for key, signed in publication.lists.items()}


def life_of(world: World) -> list[dict[str, object]]:
    entries: list[dict[str, object]] = world.life_log.page(0, 100_000, next_day=0)["entries"]
    return entries
