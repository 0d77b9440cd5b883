"""The alarm before a signer ends: levels in the log once, figures at each scrape, /readyz, doctor, CLI."""

from __future__ import annotations

import asyncio
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.x509 import ocsp
from prometheus_client.parser import text_string_to_metric_families

from platform_api.app import create_app
from platform_api.key_set import open_keys
from platform_api.logs import Dropped, make_log
from platform_api.metrics import Metrics
from platform_api.signing.alarm import ExpiryAlarm
from revocation.authorities import Authorities
from revocation.errors import RevocationError
from revocation.ocsp.signer_expiry import Expiry, expiry
from revocation.snapshot.store import SnapshotStore
from tests.base.application import running, settings_for
from tests.base.eventually import eventually
from tests.base.postgres import TestDatabase
from tests.base.responder_pairs import key_of, put
from tests.revocation.ocsp_world import NOW, cert_id, request
from tests.revocation.sets import DAY, every_list, world

HOUR = timedelta(hours=1)
LABELS = ("mode", "ca", "generation")


def told(ends: list[timedelta], authorities: Authorities, *, key_id: bytes | None = None) -> list[Any]:
    """(code, days, level, CA) of each line, while this much is left at one look after another."""
    out = io.StringIO()
    now: list[Expiry] = []
    mode = "local" if key_id is None else "delegated"
    alarm = ExpiryAlarm(lambda: now, authorities, make_log(out, dropped=Dropped()))
    for left in ends:
        now[:] = [expiry(mode, NOW + left, NOW, key_id=key_id)]
        alarm.look()
    lines = [orjson.loads(line) for line in out.getvalue().splitlines()]
    assert {line["event"] for line in lines} <= {"signer.ends"}
    return [(line["code"], line["n"], line["level"], line.get("ca_id")) for line in lines]


def test_t09_each_level_is_told_once_when_it_is_entered() -> None:
    """30, 14 and 3 days before the end, each louder, and at the end; not once more while it lasts."""
    days = [31, 30, 29, 14, 13, 4, 3, 1]
    left = [timedelta(days=each) for each in days] + [timedelta(0), -HOUR]
    assert told([each for each in left for _ in range(3)], world()[0]) == [
        ("SIGNER_NOTICE", 30, "warning", None),
        ("SIGNER_WARNING", 14, "warning", None),
        ("SIGNER_CRITICAL", 3, "error", None),
        ("SIGNER_ENDED", 0, "error", None),
    ]


def test_a_new_pair_ends_the_alarm_and_the_next_end_is_told_again() -> None:
    """Whoever rotated is left alone until the new one comes near its end."""
    left = [2 * DAY, 300 * DAY, 10 * DAY, 9 * DAY]
    assert [code for code, *_ in told(left, world()[0])] == ["SIGNER_CRITICAL", "SIGNER_WARNING"]


def test_a_delegate_is_named_by_its_ca_and_a_stranger_not_at_all() -> None:
    """The CA's id of authorities.json; never a key."""
    authorities, authority = world()
    key_id = authority.generations[0].key_id
    assert told([DAY], authorities, key_id=key_id) == [("SIGNER_CRITICAL", 1, "error", authority.ca_id)]
    assert told([DAY], authorities, key_id=bytes(32)) == []


def test_a_delegate_of_a_key_that_is_over_is_no_alarm() -> None:
    """Nobody renews it: what that key issued is over as well."""
    authorities, authority = world()
    generation = authority.generations[0]
    over = generation.certificate.not_valid_after_utc
    out = io.StringIO()
    late = [expiry("delegated", over, over + HOUR, key_id=generation.key_id)]
    ExpiryAlarm(lambda: late, authorities, make_log(out, dropped=Dropped())).look()
    assert out.getvalue() == ""


def test_the_figures_have_closed_labels() -> None:
    """Mode, CA and generation; no key of a delegate, and none that no CA of ours issued."""
    authorities, authority = world()
    generation = authority.generations[0]
    expiries = [
        expiry("local", NOW + 40 * DAY, NOW),
        expiry("delegated", NOW + 2 * DAY, NOW, key_id=generation.key_id),
        expiry("delegated", NOW + 2 * DAY, NOW, key_id=bytes(32)),
    ]
    metrics = Metrics()
    metrics.follow_signers(lambda: expiries, authorities, lambda: 1)
    text = metrics.render().decode()
    found = {
        (sample.name, *(sample.labels[name] for name in LABELS if name in sample.labels)): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("jpki_ocsp_signer")
    }
    named = {"mode": "delegated", "ca": authority.ca_id, "generation": generation.name}
    assert found == {
        ("jpki_ocsp_signer_seconds_to_expiry", "local", "", ""): 40 * 86_400,
        ("jpki_ocsp_signer_seconds_to_expiry", *named.values()): 2 * 86_400,
        ("jpki_ocsp_signer_expiry_level", "local", "", ""): 0,
        ("jpki_ocsp_signer_expiry_level", *named.values()): 3,
        ("jpki_ocsp_signer_pairs_refused",): 1,
    }
    assert generation.key_id.hex() not in text


def prepare(settings: Any, now: datetime) -> None:
    authorities, authority = world()
    authorities.dump(settings.authorities_file)
    keys = open_keys(settings.keys_dir, now=now)
    lists = every_list(authority, this_update=now - HOUR, lives=2 * DAY)
    SnapshotStore(settings.snapshots_dir, publisher_key=keys.publisher).publish(lists, authorities, now=now)


async def test_a_running_service_takes_a_pair_and_tells_its_end(
    database: TestDatabase, tmp_path: Path
) -> None:
    """No restart: the new pair signs, figures and readiness know of both, and of one that does not fit."""
    settings = await settings_for(database, tmp_path, responder_check_s=0.05)
    now = datetime.now(UTC).replace(microsecond=0)
    await asyncio.to_thread(prepare, settings, now)
    first = settings.keys_dir
    await asyncio.to_thread(put, first, "responder", key_of(60), begins=now - DAY, ends=now + 10 * DAY)
    async with running(settings) as service:

        async def signer() -> list[x509.Certificate]:
            response = await service.client.post("/ocsp", data=request(cert_id(9)))
            return ocsp.load_der_ocsp_response(await response.read()).certificates

        before = await signer()
        ready = await (await service.client.get("/readyz")).json()
        assert "SIGNER_ENDS_SOON" in ready["warnings"]
        folder = settings.keys_dir / "responders"
        new = await asyncio.to_thread(put, folder, "next", key_of(61), begins=now - HOUR, ends=now + 90 * DAY)
        await asyncio.to_thread(
            put, folder, "open", key_of(62), begins=now - HOUR, ends=now + DAY, mode=0o644
        )
        seen = lambda name: [one for one in service.events() if one["event"] == name]  # noqa: E731
        await eventually(lambda: seen("signer.taken") and seen("signer.refused"))
        response = await service.client.post("/ocsp", data=request(cert_id(10)))
        after = ocsp.load_der_ocsp_response(await response.read()).certificates
        assert (after, before != after) == ([new], True)
        ready = await (await service.client.get("/readyz")).json()
        assert "SIGNER_ENDS_SOON" not in ready["warnings"]
        assert "SIGNER_REFUSED" in ready["warnings"]
        text = await (await service.client.get("/metrics")).text()
        assert "jpki_ocsp_signer_pairs_refused 1.0" in text
        assert 'jpki_ocsp_signer_expiry_level{ca="",generation="",mode="local"} 0.0' in text
        (ends,) = seen("signer.ends")
        assert (ends["code"], ends["component"]) == ("SIGNER_WARNING", "local_ocsp")


async def test_t09_a_service_whose_signer_has_ended_does_not_start(
    database: TestDatabase, tmp_path: Path
) -> None:
    """Refused at start, in one sentence; with a valid pair beside it, it starts."""
    settings = await settings_for(database, tmp_path)
    now = datetime.now(UTC).replace(microsecond=0)
    await asyncio.to_thread(prepare, settings, now)
    await asyncio.to_thread(
        put, settings.keys_dir, "responder", key_of(60), begins=now - 2 * DAY, ends=now - DAY
    )
    runner = web.AppRunner(create_app(settings, log=make_log(io.StringIO(), dropped=Dropped())))
    with pytest.raises(RevocationError) as refused:
        await runner.setup()
    await runner.cleanup()
    assert refused.value.code == "RESPONDER_CERTIFICATE_REFUSED"
    folder = settings.keys_dir / "responders"
    await asyncio.to_thread(put, folder, "next", key_of(61), begins=now - HOUR, ends=now + 90 * DAY)
    async with running(settings) as service:
        assert (await service.client.get("/readyz")).status == 200
