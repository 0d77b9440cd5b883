"""The queue: what is in it can be opened by its institution alone, and goes when it is acknowledged."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from joserfc.errors import JoseError

from platform_api.db.transactions import tenant
from platform_api.deliveries import queue
from platform_api.deliveries.model import MOST_KEEP, DeliveryPurpose
from platform_api.problems import Problem
from tests.base.postgres import TestInstitution
from tests.features.cards import make_card
from tests.features.consenting import acknowledge, consent, fetch, next_day, onboard
from tests.features.delivering import KINDS, opened, pair, put_key, queued
from tests.features.gateways import CANARY_NAME, FakeJlis, successor
from tests.features.service import Service
from tests.features.world import everything
from tests.revocation import sets

pytestmark = pytest.mark.timeout(60)
PAYLOAD = {"name": CANARY_NAME, "é": 1, "a": None}


async def _one(service: Service, institution: TestInstitution) -> str:
    return await onboard(service, institution, make_card(sets.ca()))


async def _take(service: Service, who: TestInstitution, delivery_id: str, **more: Any) -> dict[str, Any]:
    return await service.call(who, "GET", f"/v1/deliveries/{delivery_id}", **more)


async def _acknowledge(
    service: Service, who: TestInstitution, delivery_id: str, **more: Any
) -> dict[str, Any]:
    return await service.call(who, "POST", f"/v1/deliveries/{delivery_id}:acknowledge", **more)


@pytest.mark.parametrize("kind", KINDS)
async def test_only_its_own_key_opens_a_delivery(
    service: Service, institution: TestInstitution, kind: str
) -> None:
    """Taken twice, opened by the institution's private key and by no other; ids and payload are inside."""
    registration_id = await _one(service, institution)
    await put_key(service, institution, pair(kind))
    delivery_id = await queued(service, institution, registration_id, PAYLOAD)
    taken = await _take(service, institution, delivery_id)
    assert await _take(service, institution, delivery_id) == taken
    header, content = opened(taken["jwe"], pair(kind))
    assert (header["typ"], header["cty"], header["kid"]) == ("jpki-delivery+jwe", "json", "key-1")
    assert header["enc"] == "A256GCM"
    assert content == {
        "delivery_id": delivery_id,
        "institution_id": str(institution.institution_id),
        "registration_id": registration_id,
        "invitation_id": None,
        "query_id": None,
        "purpose": "four_information",
        "created_at": taken["delivery"]["created_at"],
        "payload": PAYLOAD,
    }
    with pytest.raises((JoseError, ValueError)):
        opened(taken["jwe"], pair(kind, 1))


async def test_acknowledged_it_is_gone(service: Service, institution: TestInstitution) -> None:
    """The row goes with the acknowledgement; taking or acknowledging again is 410, under a replayed key the
    first answer; and the database holds nothing of it."""
    registration_id = await _one(service, institution)
    await put_key(service, institution)
    delivery_id = await queued(service, institution, registration_id, PAYLOAD)
    listed = await service.call(institution, "GET", "/v1/deliveries")
    assert [one["delivery_id"] for one in listed["deliveries"]] == [delivery_id]
    assert listed["deliveries"][0]["registration_ref"] == "a"
    once = {"Idempotency-Key": "once"}
    done = await _acknowledge(service, institution, delivery_id, headers=once)
    assert done == {"delivery_id": delivery_id, "registration_id": registration_id, "state": "WATCHED"}
    assert await _acknowledge(service, institution, delivery_id, headers=once) == done
    for refused in (
        await _acknowledge(service, institution, delivery_id, expect=410),
        await _take(service, institution, delivery_id, expect=410),
        await _take(service, institution, str(uuid4()), expect=410),
    ):
        assert refused["code"] == "DELIVERY_GONE"
    assert (await everything(service.world.database))["delivery"] == []
    assert (await service.call(institution, "GET", "/v1/deliveries"))["deliveries"] == []


async def test_another_institution_finds_nothing(
    service: Service, institution: TestInstitution, other_institution: TestInstitution
) -> None:
    """Neither listed, nor taken, nor acknowledged by another; and still there for its own."""
    registration_id = await _one(service, institution)
    await put_key(service, institution)
    delivery_id = await queued(service, institution, registration_id, PAYLOAD)
    assert (await service.call(other_institution, "GET", "/v1/deliveries"))["deliveries"] == []
    await _take(service, other_institution, delivery_id, expect=410)
    await _acknowledge(service, other_institution, delivery_id, expect=410)
    await _take(service, institution, delivery_id)


async def test_the_table_is_unlogged_and_holds_ciphertext_only(
    service: Service, institution: TestInstitution
) -> None:
    """Not in the write-ahead log; no column of the row says what is inside, in any form."""
    registration_id = await _one(service, institution)
    await put_key(service, institution)
    await queued(service, institution, registration_id, PAYLOAD)
    async with service.world.database.superuser() as connection:
        kind = await connection.fetchval("SELECT relpersistence FROM pg_class WHERE relname = 'delivery'")
        text = await connection.fetchval("SELECT string_agg(d::text, '') FROM delivery AS d")
        octets = await connection.fetchval("SELECT jwe FROM delivery")
    assert kind in ("u", b"u")
    assert registration_id in text  # the search finds what is there
    for form in (CANARY_NAME, CANARY_NAME.encode().hex(), CANARY_NAME.encode("utf-16-le").hex()):
        assert form not in text
        assert form.encode() not in octets


async def test_what_nobody_takes_goes(service: Service, institution: TestInstitution) -> None:
    """Past its time it is never given out, and the next call deletes the row."""
    registration_id = await _one(service, institution)
    await put_key(service, institution)
    delivery_id = await queued(service, institution, registration_id, PAYLOAD, keep=timedelta(hours=1))
    clock = service.world.clock
    clock.set(clock.now() + timedelta(minutes=59))
    await _take(service, institution, delivery_id)
    clock.set(clock.now() + timedelta(minutes=1))
    await _acknowledge(service, institution, delivery_id, expect=410)
    await _take(service, institution, delivery_id, expect=410)
    assert (await everything(service.world.database))["delivery"] == []


async def test_purge_tells_what_went(service: Service, institution: TestInstitution) -> None:
    """For who wants to ask J-LIS again; what still waits stays."""
    registration_id = await _one(service, institution)
    await put_key(service, institution)
    delivery_id = await queued(service, institution, registration_id, PAYLOAD)
    pool, now = service.world.database.app_pool, service.world.clock.now()
    async with tenant(pool, institution.institution_id) as connection:
        assert await queue.purge(connection, institution.institution_id, now) == []
        gone = await queue.purge(connection, institution.institution_id, now + timedelta(hours=24))
        assert [str(one.delivery_id) for one in gone] == [delivery_id]
        assert str(gone[0].registration_id) == registration_id


async def test_a_newer_answer_replaces_an_older(service: Service, institution: TestInstitution) -> None:
    """One waiting delivery for each registration."""
    registration_id = await _one(service, institution)
    await put_key(service, institution)
    older = await queued(service, institution, registration_id, PAYLOAD)
    newer = await queued(service, institution, registration_id, PAYLOAD)
    await _take(service, institution, older, expect=410)
    await _take(service, institution, newer)


async def test_the_newest_key_in_use_is_encrypted_to(service: Service, institution: TestInstitution) -> None:
    """A newer key takes over, a retired one gets nothing more, none at all is refused by name."""
    registration_id = await _one(service, institution)
    clock = service.world.clock

    async def kid() -> str:
        delivery_id = await queued(service, institution, registration_id, PAYLOAD)
        return str((await _take(service, institution, delivery_id))["delivery"]["kid"])

    with pytest.raises(Problem, match="DELIVERY_KEY_MISSING"):
        await kid()
    await put_key(service, institution, pair(), "first")
    clock.set(clock.now() + timedelta(minutes=1))
    await put_key(service, institution, pair("X25519"), "second")
    assert await kid() == "second"
    await service.call(institution, "POST", "/v1/delivery-keys/second:retire")
    assert await kid() == "first"
    await service.call(institution, "POST", "/v1/delivery-keys/first:retire")
    with pytest.raises(Problem, match="DELIVERY_KEY_MISSING"):
        await kid()
    async with tenant(service.world.database.app_pool, institution.institution_id) as connection:
        assert not await queue.has_key(connection, institution.institution_id)


@pytest.mark.parametrize("keep", [timedelta(0), -timedelta(hours=1), MOST_KEEP + timedelta(seconds=1)])
async def test_nothing_is_kept_longer_than_allowed(
    service: Service, institution: TestInstitution, keep: timedelta
) -> None:
    """More than 72 hours, or no time at all, is a mistake of the caller."""
    registration_id = await _one(service, institution)
    await put_key(service, institution)
    with pytest.raises(ValueError, match="72 hours"):
        await queued(service, institution, registration_id, PAYLOAD, keep=keep)
    await queued(service, institution, registration_id, PAYLOAD, keep=MOST_KEEP)


async def test_too_large_is_refused(service: Service, institution: TestInstitution) -> None:
    """What does not fit is refused by name, and what waited before is still there."""
    registration_id = await _one(service, institution)
    await put_key(service, institution)
    before = await queued(service, institution, registration_id, PAYLOAD)
    with pytest.raises(Problem, match="DELIVERY_TOO_LARGE"):
        await queued(service, institution, registration_id, {"name": "x" * 65_536})
    await _take(service, institution, before)


async def test_pages(service: Service, institution: TestInstitution) -> None:
    """Each delivery once, the oldest first, whatever the page; a token that is none of ours is refused."""
    await put_key(service, institution)
    made = []
    for number in range(5):
        registration_id = await onboard(service, institution, make_card(sets.ca()), f"ref-{number}")
        made.append(await queued(service, institution, registration_id, PAYLOAD))
        if number % 2:
            service.world.clock.set(service.world.clock.now() + timedelta(seconds=1))
    seen: list[str] = []
    path = "/v1/deliveries?page_size=2"
    token = ""
    while token is not None:
        page = await service.call(institution, "GET", path + (f"&page_token={token}" if token else ""))
        seen += [one["delivery_id"] for one in page["deliveries"]]
        token = page["next_page_token"]
    assert sorted(seen) == sorted(made)
    for bad in ("AAAA", "%FF", "A" * 31, "=" * 8):
        await service.call(institution, "GET", f"{path}&page_token={bad}", expect=400)


async def test_acknowledging_promotes_the_successor(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """As four-information:acknowledge does, and together with the row; fifty at once do it once."""
    world = service.world
    old, new = make_card(sets.ca()), make_card(sets.ca())
    registration_id = await onboard(service, institution, old)
    await put_key(service, institution)
    await consent(service, institution, old, registration_id)
    await next_day(service, {old.serial: 3})
    jlis.successor = successor(world, new)
    got = await fetch(service, institution, registration_id)
    delivery_id = await queued(service, institution, registration_id, PAYLOAD, query_id=UUID(got["query_id"]))

    async def attempt() -> int:
        path = f"/v1/deliveries/{delivery_id}:acknowledge"
        async with service.client.post(path, headers=institution.headers) as response:
            return response.status

    statuses = await asyncio.gather(*(attempt() for _ in range(50)))
    assert sorted(statuses) == [200] + [410] * 49
    assert await world.state(UUID(registration_id)) == ("WATCHED", {"current": "NOT_LISTED"})
    rows = (await everything(world.database))["four_information_query"]
    assert [str(row["query_id"]) for row in rows if row["acknowledged_at"]] == [got["query_id"]]
    jlis.successor = None
    await fetch(service, institution, registration_id)
    assert jlis.queries[-1].identity == world.known(new).identity


async def test_an_older_delivery_does_not_acknowledge_a_newer_answer(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """409 as with the other acknowledgement, nothing changes, and the delivery still waits."""
    world = service.world
    old, new, newest = (make_card(sets.ca()) for _ in range(3))
    registration_id = await onboard(service, institution, old)
    await put_key(service, institution)
    await consent(service, institution, old, registration_id)
    await next_day(service, {old.serial: 3})
    jlis.successor = successor(world, new)
    first = await fetch(service, institution, registration_id)
    delivery_id = await queued(
        service, institution, registration_id, PAYLOAD, query_id=UUID(first["query_id"])
    )
    jlis.successor = successor(world, newest)
    async with tenant(world.database.app_pool, institution.institution_id) as connection:
        await connection.execute(
            "UPDATE watched_certificate SET query_id = $1 WHERE slot = 'pending_successor'", uuid4()
        )
    refused = await _acknowledge(service, institution, delivery_id, expect=409)
    assert refused["code"] == "NEWER_ANSWER_PENDING"
    await _take(service, institution, delivery_id)
    await acknowledge(service, institution, registration_id)
    done = await _acknowledge(service, institution, delivery_id)
    assert done["state"] == "WATCHED"


async def test_a_signer_s_delivery_needs_its_invitation(
    service: Service, institution: TestInstitution
) -> None:
    """What belongs to nothing is a mistake of the caller, for each purpose."""
    await put_key(service, institution)
    async with tenant(service.world.database.app_pool, institution.institution_id) as connection:
        for purpose in DeliveryPurpose:
            with pytest.raises(ValueError, match="registration or invitation"):
                await queue.enqueue(
                    connection,
                    institution.institution_id,
                    purpose=purpose,
                    payload={},
                    now=service.world.clock.now(),
                )
        invitation = uuid4()
        first = await queue.enqueue(
            connection,
            institution.institution_id,
            purpose=DeliveryPurpose.CONSENT_SIGNER,
            payload={"application": "AA=="},
            now=service.world.clock.now(),
            invitation_id=invitation,
        )
        second = await queue.enqueue(
            connection,
            institution.institution_id,
            purpose=DeliveryPurpose.CONSENT_SIGNER,
            payload={"application": "AA=="},
            now=service.world.clock.now(),
            invitation_id=invitation,
        )
    await _take(service, institution, str(first), expect=410)
    done = await _acknowledge(service, institution, str(second))
    assert done == {"delivery_id": str(second), "registration_id": None, "state": None}


async def test_items_given_in_an_answer_replace_those_that_wait(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """A fetch of the institution's own while items wait: those could not be acknowledged any more, and go;
    an outcome without items leaves them."""
    old, new = make_card(sets.ca()), make_card(sets.ca())
    registration_id = await onboard(service, institution, old)
    await put_key(service, institution)
    await consent(service, institution, old, registration_id)
    await next_day(service, {old.serial: 3})
    delivery_id = await queued(service, institution, registration_id, PAYLOAD)
    assert (await fetch(service, institution, registration_id))["outcome"] == "NO_NEW_CERTIFICATE"
    await _take(service, institution, delivery_id)
    jlis.successor = successor(service.world, new)
    assert (await fetch(service, institution, registration_id))["outcome"] == "DATA"
    await _take(service, institution, delivery_id, expect=410)


async def test_dead_rows_are_ciphertext(service: Service, institution: TestInstitution) -> None:
    """In PostgreSQL's own files: the acknowledged row may stay until it is vacuumed, as ciphertext; what was
    inside is in no file of the table, nor in the write-ahead log, in any form."""
    registration_id = await _one(service, institution)
    await put_key(service, institution)
    delivery_id = await queued(service, institution, registration_id, PAYLOAD)
    token = (await _take(service, institution, delivery_id))["jwe"].encode()
    await _rewrite(service)  # an UNLOGGED table's pages are else written at a shutdown only
    waiting = await _files(service)
    assert any(token in octets for octets in waiting.values())  # the search finds what is there
    await _acknowledge(service, institution, delivery_id)
    for octets in (*waiting.values(), *(await _files(service)).values()):
        for form in ("utf-8", "utf-16-le", "cp932", "euc_jp"):
            assert CANARY_NAME.encode(form) not in octets
    await _rewrite(service)
    assert not any(token in octets for octets in (await _files(service)).values())


async def _rewrite(service: Service) -> None:
    async with service.world.database.superuser() as connection:
        await connection.execute("VACUUM FULL delivery")


async def _files(service: Service) -> dict[str, bytes]:
    """The table's files and the write-ahead log, as they lie on the disk after a checkpoint."""
    async with service.world.database.superuser() as connection:
        await connection.execute("CHECKPOINT")
        folder = Path(await connection.fetchval("SHOW data_directory"))
        table = folder / await connection.fetchval("SELECT pg_relation_filepath('delivery')")

    def read() -> dict[str, bytes]:
        found = [*table.parent.glob(f"{table.name}*"), *(folder / "pg_wal").glob("0*")]
        return {str(path): path.read_bytes() for path in found}

    return await asyncio.to_thread(read)
