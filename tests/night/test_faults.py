"""What the outside does wrong, seen from the night: yesterday's set serves on, and no event comes of it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from revocation.exits import Exit
from tests.base.crew import wait_for
from tests.night.live import JPKI, World

#: fault of one list → the code the night must report for it
LIST_FAULTS = [
    ("bad_signature", "SIGNATURE_INVALID"),
    ("truncated", "FETCH_TRUNCATED"),
    ("garbage", "DER_"),
    ("status_5xx", "FETCH_STATUS"),
    ("stale", "NEXT_UPDATE_PASSED"),
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World(tmp_path_factory.mktemp("night")) as made:
        for _ in range(3):  # a stale list needs a past
            made.publish()
            assert made.night()[0] == Exit.DONE
        yield made


@pytest.fixture
def customers(world: World) -> Iterator[list[dict[str, Any]]]:
    """Residents with a valid certificate, not yet used by another test of this module."""
    used = {e["registration_ref"] for e in world.events() if e["registration_ref"]}
    free = [r for r in world.residents() if r["resident_id"] not in used]
    yield free
    world.heal()


@pytest.mark.parametrize(("kind", "code"), LIST_FAULTS)
def test_a_faulty_list_is_carried_over_and_heals(
    world: World, customers: list[dict[str, Any]], kind: str, code: str
) -> None:
    """A list that is {kind}: its partition is carried over, the night exits 4 and names the code, the
    customer in it stays as he was without any event; when J-LIS heals, the late list brings the event once.
    """
    resident = customers[0]
    registration = world.register(resident, resident["resident_id"])
    world.act(resident["resident_id"], "move", reissue="never")
    world.publish()
    world.fault(
        kind,
        target="crl",
        municipality_code=resident["municipality_code"],
        generation=resident["generation"],
    )
    exit_code, night = world.night()
    assert exit_code == Exit.PARTIAL
    assert night["lists_carried"] == 1
    assert [r["code"].startswith(code) for r in night["refusals"]] == [True]
    assert world.changes_of(registration) == []
    assert _status_in_set(world, registration, night["set_seq"]) == "GOOD"

    world.heal()
    exit_code, late = world.night()
    assert exit_code == Exit.DONE
    assert late["set_seq"] == night["set_seq"] + 1
    assert world.changes_of(registration) == [(late["set_seq"], "REVOKED")]
    assert _status_in_set(world, registration, late["set_seq"]) == "REVOKED"


def test_an_older_list_is_refused_as_a_rollback(world: World, customers: list[dict[str, Any]]) -> None:
    """A well-signed list of yesterday after today's: refused by the high-water mark, nothing published."""
    resident = customers[0]
    world.publish()
    exit_code, before = world.night()
    assert exit_code == Exit.DONE
    world.fault(
        "older",
        target="crl",
        municipality_code=resident["municipality_code"],
        generation=resident["generation"],
    )
    exit_code, night = world.night()
    assert exit_code == Exit.REFUSED
    assert [r["code"] for r in night["refusals"]] == ["CRL_NUMBER_ROLLBACK"]
    assert night["set_seq"] == before["set_seq"]
    assert night["events"] == 0


@pytest.mark.parametrize("kind", ["status_5xx", "garbage"])
def test_j_lis_down_changes_nothing(world: World, customers: list[dict[str, Any]], kind: str) -> None:
    """J-LIS answers nothing useful to anything: exit 6, the set of before serves on, no event."""
    registration = world.register(customers[0], customers[0]["resident_id"])
    before = world.run_json("status")
    events = len(world.events())
    world.fault(kind, target="all")
    exit_code, night = world.night()
    assert exit_code == Exit.UPSTREAM_DOWN
    assert night["problem"] or night["refusals"]
    assert night["set_seq"] == before["set_seq"]
    assert len(world.events()) == events
    assert world.status_of(registration)["status"] == "GOOD"


def test_a_finished_night_says_nothing_new(world: World) -> None:
    """Run again after a complete night: exit 3, no new set, no event twice."""
    world.publish()
    assert world.night()[0] == Exit.DONE
    events = world.events()
    exit_code, night = world.night()
    assert exit_code == Exit.NOTHING_NEW
    assert night["events"] == 0
    assert world.events() == events


@pytest.fixture(scope="module")
def night_s(world: World) -> float:
    """How long a night takes on this machine at this moment, start of the process included."""
    world.publish()
    began = time.monotonic()
    assert world.night()[0] == Exit.DONE
    return time.monotonic() - began


@pytest.mark.parametrize("share", [0.5, 0.7, 0.8, 0.9])
def test_sigkill_in_a_night_costs_nothing(
    world: World, customers: list[dict[str, Any]], night_s: float, share: float
) -> None:
    """SIGKILL after that share of a night, then the night again: the day's events exist once, in order."""
    resident = customers[0]
    registration = world.register(resident, resident["resident_id"])
    world.act(resident["resident_id"], "lose")
    world.publish()
    with subprocess.Popen(
        [*JPKI, "nightly", "--data", str(world.data), "--json"],
        env=world.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as night:  # fmt: skip
        time.sleep(night_s * share)
        night.kill()

    exit_code, again = world.night()
    assert exit_code in (Exit.DONE, Exit.NOTHING_NEW)
    changes = world.changes_of(registration)
    assert len(changes) == 1
    assert changes[0][0] <= again["set_seq"]
    seqs = [e["seq"] for e in world.events()]
    assert seqs == list(range(1, len(seqs) + 1)), "the feed has a gap or a double"
    days = [e["set_seq"] for e in world.events() if e["type"] == "day.completed"]
    assert len(days) == len(set(days)), "a day was completed twice"


def _status_in_set(world: World, registration: str, set_seq: int) -> str:
    """The status as soon as the service answers from that set (it looks for a new one every 0.2 s)."""
    found: list[dict[str, Any]] = []

    def taken_up() -> bool:
        found.append(world.status_of(registration))
        evidence = found[-1]["evidence"]
        return evidence is not None and evidence["set_seq"] >= set_seq

    wait_for(taken_up)
    return str(found[-1]["status"])
