"""Faults of the outside, one by one: what each does to an answer, and that it does nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from aiohttp import ClientTimeout
from aiohttp.test_utils import TestClient, TestServer

from platform_api.sandbox.acts import Options
from platform_api.sandbox.app import make_app
from platform_api.sandbox.dates import wire
from platform_api.sandbox.false_answers import HUGE
from platform_api.sandbox.fault_kinds import KINDS, FaultKind, Target
from platform_api.sandbox.register import IssuedCertificate
from platform_api.sandbox.world import World
from tests.sandbox.consenting import EVERYTHING
from tests.sandbox.test_consents import START, give, holders, outcome, poll, post
from tests.sandbox.worlds import DAY, copied_world

Client = TestClient[Any, Any]


@pytest.fixture(autouse=True)
def quiet_days(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform_api.sandbox.world.live", lambda *_, **__: [])


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return copied_world(tmp_path_factory.mktemp("world"), START)


@pytest.fixture
async def client(world: World) -> AsyncIterator[Client]:
    async with TestClient(TestServer(make_app(world))) as opened:
        yield opened


async def moved(client: Client, world: World, **consent: Any) -> tuple[int, IssuedCertificate]:
    """Somebody who consented, and whose certificate was followed by another one."""
    number = holders(world)[0]
    first = world.resident(f"r-{number:06d}").certificates[-1]
    await give(client, world, number, **consent)
    await asyncio.to_thread(world.play, START + DAY)
    await asyncio.to_thread(world.act, "move", f"r-{number:06d}", Options())
    return number, first


async def query(client: Client, world: World, asked: IssuedCertificate, **changes: Any) -> dict[str, Any]:
    identity = world.life_log.identity(asked)
    body = {
        **{name: identity[name] for name in ("ca_id", "issuer_key", "serial_number")},
        "service_code": "bank-accounts",
        "items": list(EVERYTHING),
        **changes,
    }
    return (await post(client, "/jlis/v1/four-information:query", body))[1]


async def fault(client: Client, kind: str, target: str = "four_information", **more: Any) -> None:
    body = {"kind": kind, "target": target, "times": 1, **more}
    assert (await post(client, "/sandbox/v1/faults", body))[0] == 201


async def test_every_spoiled_answer(client: Client, world: World) -> None:
    """Each kind spoils one DATA answer in its way; then the answer is right again."""
    _, first = await moved(client, world, items=("name", "gender"))
    good = await query(client, world, first)
    assert sorted({*good["items"], "name_furigana"}) == [
        "gender",
        "name",
        "name_furigana",
        "name_substitute_characters",
    ]

    async def spoiled(kind: str) -> dict[str, Any]:
        await fault(client, kind)
        found = await query(client, world, first)
        again = await query(client, world, first)
        assert {**again, "as_of": ""} == {**good, "as_of": ""}
        assert "as_of" not in found or found["outcome"] == "DATA"
        return found

    extra = await spoiled("extra_items")
    assert {"address", "date_of_birth"} <= set(extra["items"])
    assert extra["certificate"] == good["certificate"]
    other = await spoiled("other_person")
    assert other["certificate"]["serial_number"] != good["certificate"]["serial_number"]
    assert {*other["items"], "name_furigana"} == {*good["items"], "name_furigana"}
    assert other["items"]["name"] != good["items"]["name"]
    wrong = await spoiled("wrong_serial")
    assert wrong["items"] == good["items"]
    assert wrong["certificate"] == other["certificate"]
    nul = await spoiled("nul_in_name")
    assert nul["items"]["name"].replace("\0", "") == good["items"]["name"]
    assert len(nul["items"]["name"]) == len(nul["items"]["name_substitute_characters"])
    huge = await spoiled("huge_name")
    assert HUGE - 3 < len(huge["items"]["name"].encode()) <= HUGE
    assert await spoiled("no_current_certificate") == {"outcome": "NO_NEW_CERTIFICATE"}


async def test_a_fault_of_the_items_waits_for_data(client: Client, world: World) -> None:
    """An answer without items uses none of them up; a refusal by consent is no question of certificates."""
    number = holders(world)[0]
    await fault(client, "other_person")
    await fault(client, "no_current_certificate")
    assert await outcome(client, world, number) == "CONSENT_MISSING"
    async with client.get("/sandbox/v1/faults") as answer:
        assert [row["kind"] for row in (await answer.json())["faults"]] == ["other_person"]


async def test_the_consent_is_withdrawn_meanwhile(client: Client, world: World) -> None:
    """The answer is sent although the consent is withdrawn already: the poll says it, the next query too."""
    _, first = await moved(client, world)
    await fault(client, "withdrawn_meanwhile")
    found = await query(client, world, first)
    assert found["outcome"] == "DATA"
    page = await poll(client)
    assert [row["reflected_at"] for row in page["withdrawals"]] == [found["as_of"]] == [wire(START + DAY)]
    assert await query(client, world, first) == {"outcome": "CONSENT_WITHDRAWN"}


async def test_an_answer_may_be_doubled_led_astray_or_never_come(client: Client, world: World) -> None:
    """Each endpoint: twice in one body, 302 to plain HTTP elsewhere, silence until the caller gives up."""
    number, first = await moved(client, world)
    identity = world.life_log.identity(first)
    asked = {name: identity[name] for name in ("ca_id", "issuer_key", "serial_number")}
    asked["service_code"] = "bank-accounts"
    bodies: dict[str, tuple[str, dict[str, Any]]] = {
        "four_information": ("four-information:query", {**asked, "items": ["name"]}),
        "linkage": ("linkage:query", {**asked, "relation": "successor", "customer_agreed": True}),
        "withdrawals": ("withdrawals:poll", {"provider_code": "bank", "cursor": None, "limit": 5}),
        "consents": ("consents:get", {"consent_ref": "c-00000001"}),
    }
    for target, (path, body) in bodies.items():
        url = f"/jlis/v1/{path}"
        await fault(client, "duplicated", target)
        async with client.post(url, json=body) as answer:
            octets = await answer.read()
        assert answer.status == 200
        half = octets[: len(octets) // 2]
        assert octets == half + half
        orjson.loads(half)
        await fault(client, "redirect", target)
        async with client.post(url, json=body, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (302, f"http://elsewhere.invalid{url}")
        await fault(client, "timeout", target)
        with pytest.raises(TimeoutError):
            await client.post(url, json=body, timeout=ClientTimeout(total=0.2))
        assert (await post(client, url, body))[0] == 200
    assert number


async def test_all_kinds_are_listed_and_their_targets_kept(client: Client) -> None:
    """Every kind with a sentence in both languages; a target that is not listed with it is refused."""
    async with client.get("/sandbox/v1/faults/kinds") as answer:
        listed = {row["kind"]: row for row in (await answer.json())["kinds"]}
    assert set(listed) == {kind.value for kind in FaultKind} == {kind.value for kind in KINDS}
    for kind, row in listed.items():
        assert row["description"].endswith(".")
        assert row["description_ja"].endswith("。")
        for target in Target:
            status, found = await post(client, "/sandbox/v1/faults", {"kind": kind, "target": target.value})
            if target.value in row["targets"]:
                assert status == 201
            else:
                assert (status, found["code"]) == (422, "FAULT_NOT_APPLICABLE")
