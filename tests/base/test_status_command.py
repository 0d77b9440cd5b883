"""`jpki status`: the CAs, and the lists that somebody should look at, the worst first."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from platform_api.cli import app
from platform_api.key_set import open_keys
from revocation.exits import Exit
from revocation.snapshot.store import SnapshotStore
from tests.revocation.sets import DAY, accepted, every_list, scope, world

NOW = datetime.now(UTC).replace(microsecond=0)


def published(folder: Path, partitions: int, bad: int) -> list[str]:
    """A data folder in which the lists of the first ``bad`` partitions ended an hour ago."""
    authorities, authority = world(partitions=partitions)
    keys = open_keys(folder / "keys", now=NOW)
    authorities.dump(folder / "authorities.json")
    start = NOW - DAY / 2
    lists = every_list(authority, this_update=start)
    for number in range(1, bad + 1):
        over = accepted({number: 3}, this_update=start, lives=DAY / 2 - timedelta(hours=number))
        lists[scope(authority, number)] = over
    SnapshotStore(folder / "snapshots", publisher_key=keys.publisher).publish(lists, authorities, now=NOW)
    return ["status", "--data", str(folder)]


def test_lists_to_look_at_are_told_by_their_label(tmp_path: Path) -> None:
    """JSON has every list that is not fresh, the one that ended first before the others; exit 4."""
    done = CliRunner().invoke(app, [*published(tmp_path, 3, 2), "--json"])
    assert done.exit_code == Exit.PARTIAL, done.output
    record = json.loads(done.stdout.splitlines()[-1])
    assert [(row["freshness"], row["label"]) for row in record["lists"]] == [
        ("EXPIRED", "City-2"),
        ("EXPIRED", "City-1"),
    ]
    assert all(row["seconds_to_next_update"] < 0 for row in record["lists"])
    assert record["authorities"][0]["lists"] == {"FRESH": 4, "STALE_SOON": 0, "EXPIRED": 2, "ABSENT": 0}
    assert not record["ready"]


def test_a_fresh_set_has_nothing_to_look_at(tmp_path: Path) -> None:
    """Exit 0, no table of lists."""
    done = CliRunner().invoke(app, [*published(tmp_path, 2, 0), "--json"])
    assert (done.exit_code, json.loads(done.stdout.splitlines()[-1])["lists"]) == (Exit.DONE, [])
    assert "lists to look at" not in CliRunner().invoke(app, ["status", "--data", str(tmp_path)]).output


@pytest.mark.parametrize(("bad", "more"), [(10, ""), (11, "and 1 more")])
def test_people_see_ten(tmp_path: Path, bad: int, more: str) -> None:
    """The worst ten, and how many more there are."""
    output = CliRunner().invoke(app, published(tmp_path, 12, bad), env={"COLUMNS": "200"}).output
    assert "lists to look at, worst first" in output
    assert output.count("EXPIRED") == 1 + 10  # the CA's own, and ten lists
    assert ("more: --json" in output) == bool(more)
    assert more in output
