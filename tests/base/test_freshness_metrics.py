"""What leaves the process about freshness: by CA, under fixed names, and nothing of a partition."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest
from cryptography.x509 import ocsp
from prometheus_client.parser import text_string_to_metric_families

from platform_api.health import MEANINGS, Reason, lists_readiness
from platform_api.key_set import open_keys
from platform_api.logs import Dropped
from platform_api.metrics import Metrics
from platform_api.snapshots import CurrentSnapshot
from revocation.authorities import Authorities
from revocation.clock import FixedClock
from revocation.metrics import AuthorityFreshness, Freshness, SetFreshness, set_freshness
from revocation.snapshot.current import Snapshot
from revocation.snapshot.store import SnapshotStore
from tests.base.application import running, settings_for
from tests.base.postgres import TestDatabase
from tests.revocation.ocsp_world import cert_id, request
from tests.revocation.sets import DAY, T0, accepted, every_list, scope, store, world

Samples = dict[tuple[str, str, str], float]


def scraped(snapshot: Snapshot | None, authorities: Authorities, at: datetime) -> tuple[str, Samples]:
    """The text, and its revocation_ samples by (name, ca, freshness)."""
    snapshots, dropped = CurrentSnapshot(), Dropped()
    snapshots.adopt(snapshot)
    metrics = Metrics()
    metrics.follow(snapshots, authorities, FixedClock(at), dropped)
    text = metrics.render().decode()
    return text, {
        (sample.name, sample.labels.get("ca", ""), sample.labels.get("freshness", "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("revocation_")
    }


def test_the_samples_of_a_set(tmp_path: Path) -> None:
    """Age of the oldest list, seconds to the first nextUpdate, the set's number, lists by freshness."""
    authorities, authority = world()
    lists = every_list(authority) | {scope(authority, 1): accepted({1: 1, 2: 3}, lives=DAY)}
    del lists[scope(authority, 2)]
    snapshot = store(tmp_path).publish(lists, authorities, now=T0)
    text, found = scraped(snapshot, authorities, T0 + timedelta(hours=20))
    assert found == {
        ("revocation_set_seq", "", ""): 1,
        ("revocation_set_partial", "", ""): 1,
        ("revocation_age_seconds", "card-sign", ""): 20 * 3600,
        ("revocation_seconds_to_next_update", "card-sign", ""): 4 * 3600,
        ("revocation_entries", "card-sign", ""): 2,
        ("revocation_lists", "card-sign", "FRESH"): 2,
        ("revocation_lists", "card-sign", "STALE_SOON"): 1,
        ("revocation_lists", "card-sign", "EXPIRED"): 0,
        ("revocation_lists", "card-sign", "ABSENT"): 1,
    }
    # Design 12: a partition is a municipality.
    assert "City-" not in text
    assert "partition=" not in text
    assert "jpki_list" not in text
    assert "jpki_log_dropped" in text


def test_without_a_set_and_after_a_step_back(tmp_path: Path) -> None:
    """No set: number 0, every list absent, no age. A clock before thisUpdate: an age of 0, never less."""
    authorities, authority = world()
    _, found = scraped(None, authorities, T0)
    assert found[("revocation_set_seq", "", "")] == 0
    assert found[("revocation_set_partial", "", "")] == 1
    assert found[("revocation_lists", "card-sign", "ABSENT")] == 4
    assert not any(
        name in {"revocation_age_seconds", "revocation_seconds_to_next_update"} for name, _, _ in found
    )
    snapshot = store(tmp_path).publish(every_list(authority), authorities, now=T0)
    _, found = scraped(snapshot, authorities, T0 - DAY)
    assert found[("revocation_age_seconds", "card-sign", "")] == 0
    assert found[("revocation_seconds_to_next_update", "card-sign", "")] == 3 * 86_400
    assert found[("revocation_lists", "card-sign", "EXPIRED")] == 4
    whole = set_freshness(snapshot, authorities, T0 - DAY)
    assert whole.published_age_s == 0
    _, found = scraped(snapshot, authorities, T0 + 2 * DAY + timedelta(seconds=5))
    assert found[("revocation_seconds_to_next_update", "card-sign", "")] == -5


def freshness(*counts: dict[str, int]) -> SetFreshness:
    """A set whose CAs have so many lists of each freshness."""
    authorities = tuple(
        AuthorityFreshness(
            ca_id=f"ca-{number}",
            freshness=Freshness.FRESH,
            lists={each: given.get(each.value, 0) for each in Freshness},
            age_s=None,
            seconds_to_next_update=None,
            entries=0,
            gone=0,
        )
        for number, given in enumerate(counts)
    )
    return SetFreshness(1, False, False, 0.0, authorities)


@pytest.mark.parametrize(
    ("counts", "reasons", "warnings"),
    [
        ([{"FRESH": 4}], [], []),
        ([{"FRESH": 3, "STALE_SOON": 1}], [], ["LISTS_STALE_SOON"]),
        ([{"STALE_SOON": 4}], [], ["LISTS_STALE_SOON"]),
        ([{"FRESH": 1, "EXPIRED": 3}], [], ["LISTS_EXPIRED"]),
        ([{"STALE_SOON": 1, "EXPIRED": 3}], [], ["LISTS_EXPIRED", "LISTS_STALE_SOON"]),
        ([{"FRESH": 1, "ABSENT": 3}], [], ["LISTS_ABSENT"]),
        ([{"EXPIRED": 4}], ["LISTS_EXPIRED"], []),
        ([{"ABSENT": 4}], ["LISTS_ABSENT"], []),
        ([{"EXPIRED": 3, "ABSENT": 1}], ["LISTS_EXPIRED", "LISTS_ABSENT"], []),
        ([{"EXPIRED": 4}, {"EXPIRED": 2}], ["LISTS_EXPIRED"], []),
        ([{"FRESH": 4}, {"EXPIRED": 2}], ["LISTS_EXPIRED"], []),
        ([{"FRESH": 1, "EXPIRED": 1}, {"EXPIRED": 2}], ["LISTS_EXPIRED"], ["LISTS_EXPIRED"]),
        ([{"FRESH": 1, "EXPIRED": 1}] * 2, [], ["LISTS_EXPIRED"]),
        ([], ["NO_AUTHORITIES"], []),
    ],
)
def test_readiness_of_the_lists(
    counts: list[dict[str, int]], reasons: list[str], warnings: list[str]
) -> None:
    """A CA with no list in force hinders; one of whose lists some are in force only warns; each told once."""
    assert lists_readiness(freshness(*counts)) == (reasons, warnings)


def test_without_a_set_nothing_is_ready() -> None:
    """NO_SNAPSHOT, whatever is configured."""
    assert lists_readiness(None) == (["NO_SNAPSHOT"], [])


def test_every_reason_has_its_meaning() -> None:
    """The table of readiness is that of the closed set, and each reason hinders or warns."""
    assert set(MEANINGS) == set(get_args(Reason))
    assert all(meaning.hinders or meaning.warns for meaning in MEANINGS.values())


@pytest.mark.parametrize(("setting", "word"), [("try_later", "TRY_LATER"), ("unauthorized", "UNAUTHORIZED")])
async def test_a_running_service_follows_its_setting(
    database: TestDatabase, tmp_path: Path, setting: str, word: str
) -> None:
    """The setting ocsp_after_next_update decides what OCSP says by lists that are over; metrics tell them."""
    settings = await settings_for(database, tmp_path, ocsp_after_next_update=setting)
    now = datetime.now(UTC).replace(microsecond=0)

    def prepare() -> None:
        authorities, authority = world()
        authorities.dump(settings.authorities_file)
        keys = open_keys(settings.keys_dir, now=now)
        lists = every_list(authority, this_update=now - 3 * DAY, lives=DAY)
        SnapshotStore(settings.snapshots_dir, publisher_key=keys.publisher).publish(
            lists, authorities, now=now
        )

    await asyncio.to_thread(prepare)
    async with running(settings) as service:
        response = await service.client.post("/ocsp", data=request(cert_id(9)))
        answer = ocsp.load_der_ocsp_response(await response.read())
        assert answer.response_status.name == word
        scraped = await (await service.client.get("/metrics")).text()
        assert 'revocation_lists{ca="card-sign",freshness="EXPIRED"} 4.0' in scraped
        assert "revocation_set_seq 1.0" in scraped
        assert (await service.client.get("/readyz")).status == 503
