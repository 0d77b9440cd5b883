"""The service that runs the database stops in the middle of a night: the night takes it over and goes on."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator

import pytest

from revocation.exits import Exit
from tests.base.crew import wait_for
from tests.base.eventually import HANG_S
from tests.night.held import DetectionHeld
from tests.night.live import JPKI, Server, World


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World(tmp_path_factory.mktemp("takeover")) as made:
        yield made


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_night_survives_the_stop_of_the_service_during_detection(world: World, number: int) -> None:
    """``jpki serve``, whose child PostgreSQL is, ends while a night detects: the night runs PostgreSQL on,
    detects again and exits 0; served again, the event is there exactly once.
    """
    used = {e["registration_ref"] for e in world.events() if e["registration_ref"]}
    resident = next(r for r in world.residents() if r["resident_id"] not in used)
    registration = world.register(resident, resident["resident_id"])
    world.act(resident["resident_id"], "lose")
    world.publish()
    with DetectionHeld(world) as held, subprocess.Popen(
        [*JPKI, "nightly", "--data", str(world.data), "--json"],
        env=world.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as night:  # fmt: skip
        try:
            held.wait_for_detection()
            stopped = world.service.stop(number)
            out, err = night.communicate(timeout=HANG_S)
        finally:
            night.kill()
    assert stopped == (0 if number == signal.SIGTERM else -number)
    assert night.returncode == Exit.DONE, (out, err)

    world.service = Server("serve", ["serve", "--data", str(world.data)], world.env)
    wait_for(lambda: world.changes_of(registration))
    changes = world.changes_of(registration)
    assert len(changes) == 1
    exit_code, again = world.night()
    assert (exit_code, again["events"]) == (Exit.NOTHING_NEW, 0)
    assert world.changes_of(registration) == changes
