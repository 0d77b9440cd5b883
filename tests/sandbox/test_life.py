"""The clock-driven life: every kind of event every day, the same for one seed, and a complete log."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from platform_api.sandbox.acts import Options
from platform_api.sandbox.dates import parse_instant
from platform_api.sandbox.life import HABITS
from platform_api.sandbox.municipalities import BY_CODE
from platform_api.sandbox.refusals import RequestRefused
from platform_api.sandbox.world import World
from tests.sandbox.worlds import DAY, NOW, all_lists, life_of, open_world, play_days

LAST = NOW - timedelta(minutes=5)


def _without_keys(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The log as the seed alone decides it: issuer keys belong to the folder."""
    stripped = []
    for entry in entries:
        copy = dict(entry)
        copy["revoked"] = [{**row, "issuer_key": ""} for row in entry["revoked"]]
        copy["issued"] = None if entry["issued"] is None else {**entry["issued"], "issuer_key": ""}
        copy["issued_all"] = [{**row, "issuer_key": ""} for row in entry["issued_all"]]
        copy["released"] = [{**row, "issuer_key": ""} for row in entry["released"]]
        stripped.append(copy)
    return stripped


@pytest.mark.parametrize("seed", [1, 20261122])
def test_every_kind_of_event_occurs_every_day(tmp_path: Path, seed: int) -> None:
    """Each played day has every habit at least once; 2,000 people would have the table's numbers."""
    world = open_world(tmp_path, seed=seed)
    play_days(world, 4)
    for day in range(1, 5):
        todays = [entry for entry in life_of(world) if entry["day"] == day]
        events = Counter((str(entry["event"]), entry["issued"] is not None) for entry in todays)
        for habit in HABITS:
            assert sum(count for (event, _), count in events.items() if event == habit.event) >= 1, (
                habit.event
            )
        assert events["move", True] >= 1
        assert events["move", False] >= 2
        reasons = {row["reason_code"] for entry in todays for row in entry["revoked"]}  # type: ignore[attr-defined]
        assert reasons >= {1, 3, 4, 5, 6}
    assert any(entry["event"] == "reissue" for entry in life_of(world)), "new cards come days later, too"
    world.close()


def test_more_people_live_more(tmp_path: Path) -> None:
    """2,000 people have the table's number of each event in a day of 24 hours."""
    world = open_world(tmp_path, residents=2000)
    play_days(world, 1)
    events = Counter(str(entry["event"]) for entry in life_of(world))
    wanted: Counter[str] = Counter()
    for habit in HABITS:
        wanted[habit.event] += round(habit.per_day)
    assert all(events[event] >= count for event, count in wanted.items())
    world.close()


def test_the_seed_decides_the_life(tmp_path: Path) -> None:
    """Two folders with one seed live the same (other keys, same events); another seed lives otherwise."""
    one, two, other = (
        open_world(tmp_path / name, seed=seed) for name, seed in (("one", 5), ("two", 5), ("other", 6))
    )
    for world in (one, two, other):
        play_days(world, 2)
    assert _without_keys(life_of(one)) == _without_keys(life_of(two))
    assert _without_keys(life_of(one)) != _without_keys(life_of(other))
    for world in (one, two, other):
        world.close()


def test_the_log_tells_exactly_what_the_lists_gained(tmp_path: Path) -> None:
    """Every day what the lists newly say, with reason and date, is what the log says, no less, no more."""
    world = open_world(tmp_path)
    before: dict[tuple[str, str], tuple[str, int]] = {}
    previous = None
    released = 0
    for back in range(4, -1, -1):
        this_update = LAST - back * DAY
        world.play(this_update)
        now = _entries(world)
        assert world.day is not None
        if previous is not None:
            todays = [entry for entry in life_of(world) if entry["day"] == world.day]
            gained = {
                (row["issuer_key"], row["serial_number"]): (row["revocation_date"], row["reason_code"])
                for entry in todays
                for row in entry["revoked"]  # type: ignore[attr-defined]
            }
            assert {key: value for key, value in now.items() if before.get(key) != value} == gained
            left = {
                (row["issuer_key"], row["serial_number"])
                for entry in todays
                for row in entry["released"]  # type: ignore[attr-defined]
            }
            assert before.keys() - now.keys() == left
            released += len(left)
            assert all(previous < parse_instant(str(entry["at"])) < this_update for entry in todays)
        before, previous = now, this_update
    assert released >= 4, "each day a phone was found again"
    world.close()


def _entries(world: World) -> dict[tuple[str, str], tuple[str, int]]:
    found = {}
    for (key_id, _), der in all_lists(world).items():
        for entry in x509.load_der_x509_crl(der):
            reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
            date = f"{entry.revocation_date_utc:%Y-%m-%dT%H:%M:%SZ}"
            found[key_id, f"{entry.serial_number:x}"] = (date, _CODES[reason])
    return found


_CODES = {
    x509.ReasonFlags.key_compromise: 1,
    x509.ReasonFlags.affiliation_changed: 3,
    x509.ReasonFlags.superseded: 4,
    x509.ReasonFlags.cessation_of_operation: 5,
    x509.ReasonFlags.certificate_hold: 6,
}


def test_some_holds_end_in_a_final_reason_on_a_later_day(tmp_path: Path) -> None:
    """A card on hold is later lost or given up: same certificate, later list, date of the hold kept."""
    world = open_world(tmp_path)
    play_days(world, 6)
    held: dict[tuple[str, str], tuple[int, str]] = {}
    ended = 0
    for entry in life_of(world):
        for row in entry["released"]:  # type: ignore[attr-defined]
            held.pop((row["issuer_key"], row["serial_number"]), None)
        for row in entry["revoked"]:  # type: ignore[attr-defined]
            named = row["issuer_key"], row["serial_number"]
            if row["reason_code"] == 6:
                held[named] = (int(str(entry["day"])), row["revoked_at"])
            elif named in held:
                day, since = held[named]
                assert int(str(entry["day"])) > day
                assert row["revocation_date"] == since < row["revoked_at"]
                ended += 1
    assert ended >= 1
    assert len(held) > ended, "other cards stay on hold"
    world.close()


def test_acts_by_hand_are_lived_and_listed_next(fresh: World) -> None:
    """Each act ends the card with its reason, the log says so at once, the next lists say it."""
    reasons = {"move": 3, "rename": 3, "renew": 4, "lose": 1, "hold": 6, "stop": 5, "strike": 5}
    register, _ = fresh.begun()
    someone = [
        r for r in register.residents.values() if r.valid_certificate(NOW) and r.number not in register.due
    ]
    acted = {}
    for resident, (event, reason) in zip(someone, reasons.items(), strict=False):
        serial = f"{resident.certificates[-1].serial:x}"
        entry = fresh.act(event, resident.resident_id, Options())
        mine = [row for row in entry["revoked"] if row["kind"] == "card-sign"]
        assert [(row["serial_number"], row["reason_code"]) for row in mine] == [(serial, reason)]
        assert {row["kind"] for row in entry["revoked"]} >= ({"card-auth"} if reason != 3 else set())
        assert (entry["issued"] is not None) == (event in ("move", "rename", "renew"))
        assert entry["day"] == 1
        acted[entry["seq"]] = (serial, reason)
    fresh.play(NOW)
    ours = {generation.key_id for generation in fresh.authority.generations}
    listed = {serial: reason for (key, serial), (_, reason) in _entries(fresh).items() if key in ours}
    assert all(listed[serial] == reason for serial, reason in acted.values())
    assert all(entry["day"] == 1 for entry in life_of(fresh) if entry["seq"] in acted)


def test_nobody_is_driven_and_lives_in_one_day(fresh: World) -> None:
    """Who was driven by hand since the last lists has no event of the day's own life."""
    register, _ = fresh.begun()
    driven = set()
    for number in range(1, 60):
        resident = register.residents[number]
        if resident.valid_certificate(NOW) is not None:
            fresh.act("move", resident.resident_id, Options())
            driven.add(resident.resident_id)
    fresh.play(NOW)
    counts = Counter(entry["resident_id"] for entry in life_of(fresh) if entry["resident_id"] in driven)
    assert set(counts) == driven
    assert set(counts.values()) == {1}


def test_a_new_card_comes_when_it_was_asked_for(tmp_path: Path) -> None:
    """A move with reissue after two days: no card until then, a card in the new municipality afterwards."""
    world = open_world(tmp_path)
    world.play(LAST - 4 * DAY)
    place = BY_CODE["132217"]
    world.act("move", "r-000003", Options(2, place))
    asked = world.resident("r-000003")
    for back, carries in ((3, False), (2, False), (1, True)):
        world.play(LAST - back * DAY)
        assert (asked.valid_certificate(world.clock.now()) is not None) is carries
    assert asked.certificates[-1].municipality_code == "132217"
    assert asked.certificates[-1].items.address.startswith("東京都清瀬市")
    mine = [entry for entry in life_of(world) if entry["resident_id"] == "r-000003"]
    assert [(entry["event"], entry["issued"] is not None) for entry in mine] == [
        ("move", False),
        ("reissue", True),
    ]
    world.close()


def test_what_cannot_befall_a_person_is_refused_and_changes_nothing(fresh: World) -> None:
    """A struck person, a second loss, an unknown id: refused with a code, and no log entry."""
    fresh.act("strike", "r-000005", Options())
    for event, code in (("move", "STRUCK"), ("strike", "STRUCK")):
        with pytest.raises(RequestRefused) as refused:
            fresh.act(event, "r-000005", Options())
        assert refused.value.code == code
    fresh.act("lose", "r-000006", Options())
    for event in ("lose", "hold", "stop"):
        with pytest.raises(RequestRefused) as refused:
            fresh.act(event, "r-000006", Options())
        assert refused.value.code == "NO_VALID_CARD"
    for unknown in ("r-000121", "r-999999", "r-1", "x", "r-０００００１"):
        with pytest.raises(RequestRefused) as refused:
            fresh.act("move", unknown, Options())
        assert refused.value.status == 404
    assert len(life_of(fresh)) == 2
