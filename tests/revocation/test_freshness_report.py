"""``python -m revocation freshness``: every expected list, the worst first, for the operator alone."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from revocation.__main__ import main
from revocation.authorities import Authorities
from revocation.exits import Exit
from revocation.metrics import Freshness, worst_first
from tests.revocation.sets import DAY, PUBLISHER, T0, accepted, every_list, scope, store, world


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of the first key list 1 lives a day, list 2 two; of the second list 1 is absent, list 2 lives four."""
    authorities, authority = world()
    authorities.dump(tmp_path / "authorities.json")
    lists = every_list(authority)
    lists[scope(authority, 1)] = accepted({1: 3}, lives=DAY)
    lists[scope(authority, 2, 1)] = accepted({}, lives=4 * DAY)
    del lists[scope(authority, 1, 1)]
    store(tmp_path / "sets").publish(lists, authorities, now=T0)
    return tmp_path


def run(
    capsys: pytest.CaptureFixture[str], folder: Path, at: str, what: str = "sets", *more: str
) -> tuple[int, Any]:
    asked = ["freshness", str(folder / what), "--authorities", str(folder / "authorities.json"), "--at", at]
    code = main([*asked, *more, "--json"])
    return code, json.loads(capsys.readouterr().out or "null")


def test_the_worst_list_comes_first(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Absent, then expired, then by the time that is left; ages and spans in whole seconds; not complete."""
    code, report = run(capsys, folder, "2026-11-21T13:00:00Z")
    assert code == Exit.PARTIAL
    rows = [(row["freshness"], row["label"], row["seconds_to_next_update"]) for row in report["lists"]]
    assert rows == [
        ("ABSENT", "City-1", None),
        ("EXPIRED", "City-1", -13 * 3600),
        ("STALE_SOON", "City-2", 11 * 3600),
        ("FRESH", "City-2", 59 * 3600),
    ]
    assert [row["age_s"] for row in report["lists"]] == [None, *[37 * 3600] * 3]
    assert len({row["list"] for row in report["lists"]}) == 4
    (ca,) = report["authorities"].values()
    assert ca == {
        "freshness": "ABSENT",
        "fresh": 1,
        "stale_soon": 1,
        "expired": 1,
        "absent": 1,
        "age_s": 37 * 3600,
        "seconds_to_next_update": -13 * 3600,
    }
    assert (report["set"], report["complete"], report["at"]) == (1, False, "2026-11-21T13:00:00Z")


def test_as_a_text_and_when_all_is_in_force(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The missing list comes: exit 0 and one line a list; of set 1 it is still 4; TIME may have any zone."""
    authorities, authority = world()
    late = {scope(authority, 1, 1): accepted({}, number=7)}
    store(folder / "sets").publish(late, authorities, now=T0 + timedelta(hours=1))
    asked = ["--authorities", str(folder / "authorities.json"), "--at", "2026-11-20T12:00:00+09:00"]
    assert main(["freshness", str(folder / "sets"), *asked]) == Exit.DONE
    out = capsys.readouterr().out
    assert "complete: True" in out
    assert "lists: 4" in out
    assert out.count("freshness FRESH") == 4
    assert main(["freshness", f"{folder / 'sets'}@1", *asked]) == Exit.PARTIAL
    assert "freshness ABSENT" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["yesterday", "2026-11-21T13:00:00", "2026-11-21", ""])
def test_a_time_without_its_zone_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    """Nobody guesses whether it was JST."""
    asked = ["--authorities", str(folder / "authorities.json"), "--at", text]
    assert main(["freshness", str(folder / "sets"), *asked]) == Exit.REFUSED
    err = capsys.readouterr().err
    assert err.startswith("TIME_MALFORMED: expected a time with its zone; got another text; write it like ")


def test_now_is_the_default(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --at by the machine's clock: these lists ended long before or lie ahead, or are in force."""
    asked = ["--authorities", str(folder / "authorities.json"), "--json"]
    assert main(["freshness", str(folder / "sets"), *asked]) == Exit.PARTIAL
    assert json.loads(capsys.readouterr().out)["at"].endswith("Z")


def test_the_order_is_that_of_haste(tmp_path: Path) -> None:
    """worst_first: absent before expired before stale soon before fresh; within one, the shorter first; a
    list without an end counts as ended; ties by scope."""
    authorities, authority = world(partitions=4)
    lists = every_list(authority)
    lists[scope(authority, 1)] = accepted({}, lives=None)
    lists[scope(authority, 2)] = accepted({}, lives=DAY)
    lists[scope(authority, 3)] = accepted({}, lives=timedelta(hours=30))
    lists[scope(authority, 4)] = accepted({}, lives=timedelta(hours=18))
    snapshot = store(tmp_path).publish(lists, authorities, now=T0)
    at = T0 + timedelta(hours=24)
    worst = worst_first(authorities, snapshot, at)
    assert [(each.freshness, each.scope) for each in worst[:4]] == [
        (Freshness.EXPIRED, scope(authority, 4)),
        (Freshness.EXPIRED, scope(authority, 1)),
        (Freshness.EXPIRED, scope(authority, 2)),
        (Freshness.STALE_SOON, scope(authority, 3)),
    ]
    fresh = [each.scope for each in worst[4:]]
    assert fresh == sorted(fresh)
    assert len(fresh) == 4
    assert {each.freshness for each in worst_first(authorities, None, at)} == {Freshness.ABSENT}
    assert worst_first(Authorities(()), snapshot, at) == []


def test_the_publisher_may_be_pinned(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--publisher: its own set is shown and called pinned; by another key nothing is shown."""
    keys = {}
    for name, key in (("own", PUBLISHER), ("other", Ed25519PrivateKey.generate())):
        keys[name] = folder / f"{name}.pem"
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        keys[name].write_bytes(public)
    at = "2026-11-20T12:00:00Z"
    assert not run(capsys, folder, at)[1]["publisher_pinned"]
    assert run(capsys, folder, at, "sets", "--publisher", str(keys["own"]))[1]["publisher_pinned"]
    code, record = run(capsys, folder, at, "sets", "--publisher", str(keys["other"]))
    assert (code, record["error"], "lists" in record) == (Exit.OWN_FAULT, "PUBLISHER_NOT_TRUSTED", False)


def test_a_set_that_is_not_there_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """DIR@99: exit 5 and the numbers that there are, not a fault of ours."""
    code, record = run(capsys, folder, "2026-11-20T12:00:00Z", "sets@99")
    assert (code, record["error"], record["got"]) == (Exit.REFUSED, "SET_NOT_PUBLISHED", "99")
    assert record["expected"] == "a set from 1 to 1"
