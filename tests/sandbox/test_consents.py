"""Consents over HTTP after they were given: reflected later, looked at, withdrawn, polled, kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from platform_api.sandbox.acts import Options
from platform_api.sandbox.app import make_app
from platform_api.sandbox.world import World
from revocation.clock import FixedClock
from tests.sandbox.consenting import EVERYTHING, application, signed, withdrawal
from tests.sandbox.worlds import DAY, NOW, copied_world, open_world

START = NOW - 4 * DAY
CREATED = "2026-11-18T11:59:00Z"
Client = TestClient[Any, Any]
Said = tuple[int, dict[str, Any]]


@pytest.fixture(autouse=True)
def quiet_days(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing befalls anybody by itself: what happens in these tests is what they do."""
    monkeypatch.setattr("platform_api.sandbox.world.live", lambda *_, **__: [])


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return copied_world(tmp_path_factory.mktemp("world"), START)


@pytest.fixture
async def client(world: World) -> AsyncIterator[Client]:
    async with TestClient(TestServer(make_app(world))) as opened:
        yield opened


async def post(client: Client, path: str, body: dict[str, Any]) -> Said:
    async with client.post(path, json=body) as answer:
        return answer.status, await answer.json()


def holders(world: World) -> list[int]:
    """Residents whose cards stay valid and to whom nothing happens by itself."""
    register, _ = world.begun()
    return [
        resident.number
        for resident in register.residents.values()
        if resident.number not in register.due
        and (certificate := resident.valid_certificate(NOW)) is not None
        and certificate.not_after > NOW + 200 * DAY
    ]


async def give(client: Client, world: World, number: int, **fields: Any) -> Said:
    octets = application(**{"created_at": CREATED, **fields})
    body = signed(world, number, octets, service_code=fields.get("service_code", "bank-accounts"))
    return await post(client, "/jlis/v1/consents", body)


async def withdraw(client: Client, world: World, number: int, ref: str, **fields: Any) -> Said:
    octets = withdrawal(**{"created_at": CREATED, **fields})
    body = signed(world, number, octets, service_code=fields.get("service_code", "bank-accounts"))
    return await post(client, "/jlis/v1/consents:withdraw", {**body, "consent_ref": ref})


async def state(client: Client, ref: str) -> dict[str, Any]:
    return (await post(client, "/jlis/v1/consents:get", {"consent_ref": ref}))[1]


async def poll(client: Client, cursor: str | None = None, **changes: Any) -> dict[str, Any]:
    body = {"provider_code": "bank", "cursor": cursor, "limit": 100, **changes}
    return (await post(client, "/jlis/v1/withdrawals:poll", body))[1]


async def outcome(client: Client, world: World, number: int, **changes: Any) -> str:
    identity = world.life_log.identity(world.resident(f"r-{number:06d}").certificates[-1])
    body = {
        **{name: identity[name] for name in ("ca_id", "issuer_key", "serial_number")},
        "service_code": "bank-accounts",
        "items": list(EVERYTHING),
        **changes,
    }
    found = await post(client, "/jlis/v1/four-information:query", body)
    return str(found[1]["outcome"])


async def test_a_consent_is_reflected_after_the_delay(client: Client, world: World) -> None:
    """Received at once; no time of reflection nor period before J-LIS's delay has passed; then both."""
    assert (await post(client, "/sandbox/v1/settings", {"reflection_delay_s": 36 * 3600}))[0] == 200
    number = holders(world)[0]
    _, given = await give(client, world, number)
    assert (given["received_at"], given["reflected_at"]) == ("2026-11-18T12:00:00Z", None)
    assert (given["valid_from"], given["valid_until"]) == (None, None)
    ref = given["consent_ref"]
    assert await state(client, ref) == given
    assert await outcome(client, world, number) == "CONSENT_NOT_YET_EFFECTIVE"
    # Changed afterwards: what was received keeps its own time.
    await post(client, "/sandbox/v1/settings", {"reflection_delay_s": 0})
    await asyncio.to_thread(world.play, START + 2 * DAY)
    reflected = await state(client, ref)
    # Reflected at 09:00 JST of the 20th: it counts from the 21st.
    assert reflected["reflected_at"] == "2026-11-20T00:00:00Z"
    assert reflected["valid_from"] == "2026-11-20T15:00:00Z"
    assert await outcome(client, world, number) == "CONSENT_NOT_YET_EFFECTIVE"
    await asyncio.to_thread(world.play, START + 2 * DAY + timedelta(hours=3, seconds=1))
    assert await outcome(client, world, number) == "NO_NEWER_INFORMATION"


async def test_the_day_that_counts_is_a_setting(client: Client, world: World) -> None:
    """Counted from the day received, as the guideline's example has it: valid from the next day on."""
    changes = {"reflection_delay_s": 36 * 3600, "consent_counts_from": "received"}
    await post(client, "/sandbox/v1/settings", changes)
    _, given = await give(client, world, holders(world)[0])
    await asyncio.to_thread(world.play, START + 2 * DAY)
    found = await state(client, given["consent_ref"])
    assert found["valid_from"] == "2026-11-18T15:00:00Z"
    assert found["valid_until"] == "2036-11-18T14:59:59Z"


async def test_an_expired_consent_says_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A second after the last second of ten years it is expired; in that second it still counts."""
    base = FixedClock(NOW)
    world = await asyncio.to_thread(open_world, tmp_path_factory.mktemp("expired"), clock=base)
    await asyncio.to_thread(world.play, NOW)
    number = holders(world)[0]
    async with TestClient(TestServer(make_app(world))) as client:
        _, given = await give(client, world, number)
        consent = world.consents.known(given["consent_ref"])
        base.set(consent.valid_until)
        assert await outcome(client, world, number) == "NO_NEW_CERTIFICATE"
        base.set(consent.valid_until + timedelta(seconds=1))
        assert await outcome(client, world, number) == "CONSENT_EXPIRED"


async def test_a_withdrawal_ends_every_consent_to_the_service(client: Client, world: World) -> None:
    """Reflected at once: nothing more is given, not by an older consent either; another service goes on.
    The same withdrawal again gets the same receipt, and so does another one of what is withdrawn."""
    number = holders(world)[0]
    _, first = await give(client, world, number)
    _, second = await give(client, world, number, application_id="a-2", items=("name",))
    _, other = await give(client, world, number, service_code="loans", application_id="a-3")
    await asyncio.to_thread(world.play, START + DAY)
    assert await outcome(client, world, number, items=["address"]) == "ITEM_NOT_CONSENTED"
    receipt = await withdraw(client, world, number, second["consent_ref"], consent_application_id="a-2")
    assert receipt == (
        200,
        {
            "consent_ref": second["consent_ref"],
            "received_at": "2026-11-19T12:00:00Z",
            "reflected_at": "2026-11-19T12:00:00Z",
        },
    )
    assert await outcome(client, world, number) == "CONSENT_WITHDRAWN"
    assert await outcome(client, world, number, service_code="loans") == "NO_NEWER_INFORMATION"
    for consent, at in ((first, "2026-11-19T12:00:00Z"), (second, "2026-11-19T12:00:00Z"), (other, None)):
        assert (await state(client, consent["consent_ref"]))["withdrawn_at"] == at
    await asyncio.to_thread(world.play, START + 2 * DAY)
    again = await withdraw(client, world, number, second["consent_ref"], consent_application_id="a-2")
    assert again == receipt
    another = await withdraw(client, world, number, first["consent_ref"], application_id="w-2")
    assert another[1] == {**receipt[1], "consent_ref": first["consent_ref"]}
    # Agreed anew: a new record, which counts from tomorrow.
    await give(client, world, number, application_id="a-4")
    assert await outcome(client, world, number) == "CONSENT_NOT_YET_EFFECTIVE"
    await asyncio.to_thread(world.play, START + 3 * DAY)
    assert await outcome(client, world, number) == "NO_NEWER_INFORMATION"


async def test_a_withdrawal_counts_from_its_reflection(client: Client, world: World) -> None:
    """Until it is reflected the consent still opens; the receipt says from when on it does not."""
    await post(client, "/sandbox/v1/settings", {"withdrawal_delay_s": 86_400})
    number = holders(world)[0]
    _, given = await give(client, world, number)
    await asyncio.to_thread(world.play, START + DAY)
    _, receipt = await withdraw(client, world, number, given["consent_ref"])
    assert receipt["reflected_at"] == "2026-11-20T12:00:00Z"
    assert await outcome(client, world, number) == "NO_NEWER_INFORMATION"
    assert (await poll(client))["withdrawals"] == []
    assert (await state(client, given["consent_ref"]))["withdrawn_at"] is None
    await asyncio.to_thread(world.play, START + 2 * DAY)
    assert await outcome(client, world, number) == "CONSENT_WITHDRAWN"
    assert len((await poll(client))["withdrawals"]) == 1


async def test_what_is_wrong_with_a_withdrawal_is_said(client: Client, world: World) -> None:
    """Another person's, another consent's, another institution's, unordered, altered: each its code."""
    number, other = holders(world)[:2]
    _, given = await give(client, world, number)
    ref = given["consent_ref"]
    unordered = withdrawal(created_at=CREATED).decode()
    unordered = unordered.replace("<版>1.0</版>", "").replace(
        "</利用者同意取消申請情報>", "<版>1.0</版></利用者同意取消申請情報>"
    )
    cases: list[tuple[int, bytes, str, str]] = [
        (other, withdrawal(created_at=CREATED), ref, "CONSENT_UNKNOWN"),
        (number, withdrawal(created_at=CREATED), "c-00000099", "CONSENT_UNKNOWN"),
        (number, withdrawal(created_at=CREATED, consent_application_id="a-9"), ref, "CONSENT_UNKNOWN"),
        (number, withdrawal(created_at=CREATED, institution_code="other"), ref, "CONSENT_UNKNOWN"),
        (number, withdrawal(created_at=CREATED, service_code="loans"), ref, "SERVICE_CODE_MISMATCH"),
        (number, withdrawal(created_at="2026-11-18T12:05:01Z"), ref, "CREATED_AT_IN_FUTURE"),
        (number, unordered.encode(), ref, "APPLICATION_MALFORMED"),
        (number, application(created_at=CREATED), ref, "APPLICATION_MALFORMED"),
        (number, b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', ref, "APPLICATION_MALFORMED"),
    ]
    for signer, octets, asked, code in cases:
        body = {**signed(world, signer, octets), "consent_ref": asked}
        status, found = await post(client, "/jlis/v1/consents:withdraw", body)
        assert 400 <= status < 500
        assert found["code"] == code, (octets.decode(), found)
    body = {**signed(world, number, withdrawal(created_at=CREATED)), "consent_ref": ref}
    altered = {**body, "application": signed(world, number, cases[2][1])["application"]}
    assert (await post(client, "/jlis/v1/consents:withdraw", altered))[1]["code"] == "SIGNATURE_INVALID"
    assert (await state(client, ref))["withdrawn_at"] is None
    assert (await poll(client))["withdrawals"] == []
    # Its number with other octets is no repetition.
    assert (await post(client, "/jlis/v1/consents:withdraw", body))[0] == 200
    status, found = await withdraw(client, world, number, ref, created_at="2026-11-18T11:58:00Z")
    assert (status, found["code"]) == (409, "APPLICATION_ID_REUSED")
    # A revoked card withdraws nothing new, but the first receipt stays.
    await asyncio.to_thread(world.act, "lose", f"r-{number:06d}", Options())
    assert (await post(client, "/jlis/v1/consents:withdraw", body))[0] == 200
    status, found = await withdraw(client, world, number, ref, application_id="w-2")
    assert (status, found["code"]) == (422, "CERTIFICATE_REVOKED")


async def test_by_j_lis_own_way_nobody_is_told(client: Client, world: World) -> None:
    """JPKI Mobile: the query refuses at once, and only the poll of that institution tells of it, in order."""
    numbers = holders(world)[:4]
    refs = [(await give(client, world, number))[1]["consent_ref"] for number in numbers]
    await asyncio.to_thread(world.play, START + DAY)
    empty = await poll(client)
    assert empty == {"withdrawals": [], "cursor": "w-0", "as_of": "2026-11-19T12:00:00Z", "more": False}
    order = [2, 0, 3, 1]
    for which in order:
        path = f"/sandbox/v1/residents/r-{numbers[which]:06d}/consents:withdraw"
        status, found = await post(client, path, {"service_code": "bank-accounts"})
        assert (status, [row["consent_ref"] for row in found["withdrawals"]]) == (200, [refs[which]])
        assert await outcome(client, world, numbers[which]) == "CONSENT_WITHDRAWN"
        status, found = await post(client, path, {"service_code": "bank-accounts"})
        assert (status, found["code"]) == (409, "NO_CONSENT")
    told: list[str] = []
    cursor, more = empty["cursor"], True
    while more:
        page = await poll(client, cursor, limit=3)
        told += [row["consent_ref"] for row in page["withdrawals"]]
        cursor, more = page["cursor"], page["more"]
    assert told == [refs[which] for which in order]
    assert (await poll(client, cursor))["withdrawals"] == []
    assert (await poll(client, provider_code="insurer"))["withdrawals"] == []
    for bad in ("w-5", "w--1", "", "1"):
        body = {"provider_code": "bank", "cursor": bad, "limit": 1}
        status, found = await post(client, "/jlis/v1/withdrawals:poll", body)
        assert (status, found["code"]) == (422, "CURSOR_UNKNOWN"), bad


async def test_a_later_reflection_is_told_later(client: Client, world: World) -> None:
    """Received first but reflected last: a reader who has read up to now misses nothing."""
    numbers = holders(world)[:2]
    refs = [(await give(client, world, number))[1]["consent_ref"] for number in numbers]
    for number, ref, delay in zip(numbers, refs, (3 * 86_400, 0), strict=True):
        await post(client, "/sandbox/v1/settings", {"withdrawal_delay_s": delay})
        assert (await withdraw(client, world, number, ref))[0] == 200
    first = await poll(client)
    assert [row["consent_ref"] for row in first["withdrawals"]] == [refs[1]]
    await asyncio.to_thread(world.play, START + 3 * DAY)
    second = await poll(client, first["cursor"])
    assert [row["consent_ref"] for row in second["withdrawals"]] == [refs[0]]


async def test_everything_outlives_a_restart(client: Client, world: World) -> None:
    """Consents, withdrawals, cursors and settings are those of before."""
    await post(client, "/sandbox/v1/settings", {"withdrawal_delay_s": 60})
    number, other = holders(world)[:2]
    _, given = await give(client, world, number)
    await give(client, world, other)
    _, receipt = await withdraw(client, world, number, given["consent_ref"])
    await post(
        client, f"/sandbox/v1/residents/r-{other:06d}/consents:withdraw", {"service_code": "bank-accounts"}
    )
    await asyncio.to_thread(world.play, START + DAY)
    before = (await poll(client), await state(client, given["consent_ref"]))
    folder = world.publications._folder.parent
    world.close()
    again = await asyncio.to_thread(open_world, folder, clock=FixedClock(NOW))
    async with TestClient(TestServer(make_app(again))) as reopened:
        assert (await poll(reopened), await state(reopened, given["consent_ref"])) == before
        assert await withdraw(reopened, again, number, given["consent_ref"]) == (200, receipt)
        async with reopened.get("/sandbox/v1/settings") as answer:
            assert (await answer.json())["withdrawal_delay_s"] == 60
    assert len(before[0]["withdrawals"]) == 2
