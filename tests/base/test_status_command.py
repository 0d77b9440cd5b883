"""`jpki status`: the CAs, and the lists that somebody should look at, the worst first."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from platform_api.cli import app
from platform_api.config import Settings
from platform_api.doctor import Finding, examine
from platform_api.key_set import open_keys
from platform_api.logs import Dropped
from platform_api.metrics import Metrics
from platform_api.published_sets import sets_gone
from platform_api.snapshots import CurrentSnapshot
from revocation.clock import FixedClock
from revocation.crl.archive import ListArchive, StoredList
from revocation.errors import RevocationError
from revocation.exits import Exit, error_record, exit_code_of
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


def test_sets_that_are_gone_are_not_called_unpublished(tmp_path: Path) -> None:
    """The folder snapshots/ is lost, the archive remembers lists: exit 5 and what to do, as a record too;
    before the first set, also after a publish killed before its commit, it is still exit 3.
    """
    command = [*published(tmp_path, 1, 0), "--json"]
    assert Finding("published sets", "there") in examine(Settings(data_dir=tmp_path))
    archive = ListArchive(tmp_path / "archive")
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "1.crl").write_bytes(b"a list")
    shutil.rmtree(tmp_path / "snapshots")
    settings = Settings(data_dir=tmp_path)
    assert sets_gone(settings) is None
    assert Finding("published sets", "none yet") in examine(settings)
    assert run_main(command)[0] == Exit.NOTHING_NEW
    archive.remember({"scope": StoredList(tmp_path / "archive" / "1.crl", b"", "", None)})
    (tmp_path / "snapshots").mkdir()
    for leftover in (None, "00000001.manifest"):
        if leftover is not None:
            (tmp_path / "snapshots" / leftover).write_bytes(b"")
        code, record = run_main(command)
        assert (code, record["error"], record["exit_code"]) == (Exit.REFUSED, "SNAPSHOTS_LOST", 5)
        assert "jpki nightly --rebuild-lost-sets --by NAME" in record["remedy"]
        assert record["expected"]
        assert record["got"] == "none"
    found = {one.what: one for one in examine(settings)}
    assert found["published sets"].found == "SNAPSHOTS_LOST: none"
    assert found["published sets"].remedy == record["remedy"]


def test_a_published_set_that_nothing_can_replace_is_told(tmp_path: Path) -> None:
    """CURRENT is there, and neither its set nor one below can be read: its code and exit 1, not 3."""
    command = [*published(tmp_path, 1, 0), "--json"]
    (tmp_path / "snapshots" / "00000001.manifest").unlink()
    assert sets_gone(Settings(data_dir=tmp_path)) is None
    code, record = run_main(command)
    assert code == Exit.OWN_FAULT
    assert record["error"].startswith("MANIFEST_")


def test_partial_is_said_as_the_format_says_it(tmp_path: Path) -> None:
    """A set that lacks a list says what partial means; a whole one is complete for its day."""
    command = published(tmp_path, 2, 0)
    wide = {"COLUMNS": "200"}
    assert "complete for its day" in CliRunner().invoke(app, command, env=wide).output
    authorities, _ = world(partitions=3)
    authorities.dump(tmp_path / "authorities.json")
    keys = open_keys(tmp_path / "keys", now=NOW)
    store = SnapshotStore(tmp_path / "snapshots", publisher_key=keys.publisher)
    _, authority = world(partitions=2)
    store.publish({scope(authority, 1): accepted({9: 3}, number=9, this_update=NOW)}, authorities, now=NOW)
    done = CliRunner().invoke(app, command, env=wide)
    assert done.exit_code == Exit.PARTIAL
    words = "lacks a list, or has one older than its newest JST day and not confirmed"
    assert f"partial: {words}" in done.output
    metrics = Metrics()
    held = CurrentSnapshot()
    held.adopt(store.current())
    metrics.follow(held, authorities, FixedClock(NOW), Dropped())
    assert f"# HELP revocation_set_partial 1 when the set {words}." in metrics.render().decode()


def run_main(command: list[str]) -> tuple[int, dict[str, Any]]:
    """With the sentence and the record that every failure ends in."""
    done = CliRunner().invoke(app, command)
    if isinstance(done.exception, RevocationError):
        code = exit_code_of(done.exception)
        return code, error_record(done.exception, code)
    return done.exit_code, json.loads(done.stdout.splitlines()[-1])
