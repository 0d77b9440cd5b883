"""The sandbox over HTTP: lists with ETag, clock, residents and cards, the life log, faults."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientPayloadError
from aiohttp.test_utils import TestClient, TestServer
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from platform_api.sandbox.app import make_app
from platform_api.sandbox.publications import number_of_day
from platform_api.sandbox.world import World
from tests.sandbox.worlds import DAY, NOW, copied_world, open_world

Client = TestClient[Any, Any]
DAY_1 = NOW - 2 * DAY


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Two days played, two more possible."""
    return copied_world(tmp_path_factory.mktemp("world"), DAY_1 - DAY, DAY_1)


@pytest.fixture
async def client(world: World) -> AsyncIterator[Client]:
    async with TestClient(TestServer(make_app(world))) as opened:
        yield opened


async def _json(client: Client, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    async with client.request(method, path, json=body) as answer:
        return answer.status, await answer.json()


async def _fault(client: Client, kind: str, target: str = "crl", **more: Any) -> None:
    status, _ = await _json(client, "POST", "/sandbox/v1/faults", {"kind": kind, "target": target, **more})
    assert status == 201


async def _urls(client: Client) -> list[str]:
    _, index = await _json(client, "GET", "/jlis/v1/crls/card-sign")
    return [row["url"] for partition in index["partitions"] for row in partition["lists"]]


async def test_a_client_finds_everything_from_the_authorities_on(client: Client, world: World) -> None:
    """Authorities, then the list of partitions, then 80 lists that verify under the named generation."""
    _, found = await _json(client, "GET", "/jlis/v1/authorities")
    assert [row["ca_id"] for row in found["authorities"]] == [
        "card-sign",
        "card-auth",
        "mobile-sign",
        "mobile-auth",
    ]
    assert [row["hold_releasable"] for row in found["authorities"]] == [False, False, True, True]
    authority = found["authorities"][0]
    assert authority["ca_id"] == "card-sign"
    assert authority["crl_signing"] == "each_generation"
    assert authority["kinds"] == {"1.2.392.200149.8.5.1.0.20": "card-sign"}
    keys = {}
    for pem in authority["certificates"]:
        key = x509.load_pem_x509_certificate(pem.encode()).public_key()
        assert isinstance(key, RSAPublicKey)
        keys[hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.PKCS1)).hexdigest()] = key
    status, index = await _json(client, "GET", "/jlis/v1/crls/card-sign")
    assert (status, index["published_at"]) == (200, "2026-11-20T12:00:00Z")
    assert len(index["partitions"]) == 40
    entries = 0
    for partition in index["partitions"]:
        for row in partition["lists"]:
            async with client.get(row["url"]) as answer:
                der = await answer.read()
                assert answer.content_type == "application/pkix-crl"
                assert answer.headers["Last-Modified"] == "Fri, 20 Nov 2026 12:00:00 GMT"
            parsed = x509.load_der_x509_crl(der)
            assert parsed.is_signature_valid(keys[row["generation"]])
            point = parsed.extensions.get_extension_for_class(x509.IssuingDistributionPoint).value
            assert point.full_name is not None
            expected = base64.b64decode(partition["distribution_point"])
            assert point.full_name[0].value.public_bytes() == expected
            entries += len(parsed)
    _, publication = world.begun()
    assert entries == sum(
        len(x509.load_der_x509_crl(signed.der))
        for (key_id, _), signed in publication.lists.items()
        if key_id in keys
    )
    assert (
        max(x509.load_pem_x509_certificate(p.encode()).serial_number for p in authority["certificates"])
        < (authority["serial_ceiling"])
    )


async def test_an_unchanged_list_is_not_sent_again(client: Client, world: World) -> None:
    """If-None-Match and If-Modified-Since give 304 until the next publication; another ETag gives 200."""
    url = (await _urls(client))[0]
    async with client.get(url) as answer:
        etag, modified = answer.headers["ETag"], answer.headers["Last-Modified"]
        assert etag == f'"{hashlib.sha256(await answer.read()).hexdigest()}"'
    for headers, status in (
        ({"If-None-Match": etag}, 304),
        ({"If-None-Match": f'"x", W/{etag}'}, 304),
        ({"If-None-Match": '"x"', "If-Modified-Since": modified}, 200),
        ({"If-Modified-Since": modified}, 304),
        ({"If-Modified-Since": "not a date"}, 200),
    ):
        async with client.get(url, headers=headers) as answer:
            assert answer.status == status, headers
            assert (await answer.read() == b"") is (status == 304)
    await asyncio.to_thread(world.play, DAY_1 + DAY)
    async with client.get(url, headers={"If-None-Match": etag}) as answer:
        assert answer.status == 200
        assert answer.headers["ETag"] != etag


async def test_the_clock_wakes_who_waits_for_it(client: Client) -> None:
    """A long poll answers when a day is played, at once for another version, and after its time otherwise."""
    _, clock = await _json(client, "GET", "/sandbox/v1/clock")
    assert (clock["version"], clock["offset_us"]) == (2, -2 * 86_400 * 1_000_000)
    assert clock["now"] == "2026-11-20T12:00:00Z"
    waiting = asyncio.create_task(_json(client, "GET", "/sandbox/v1/clock?after=2&wait=20"))
    assert (await _json(client, "GET", "/sandbox/v1/clock?after=1&wait=20"))[1]["version"] == 2
    assert not waiting.done()
    _, played = await _json(client, "POST", "/sandbox/v1/days:play", {"this_update": "2026-11-21T12:00:00Z"})
    assert (played["day"], played["lists"]) == (2, 240)
    _, clock = await asyncio.wait_for(waiting, 15)
    assert (clock["version"], clock["offset_us"]) == (3, -86_400 * 1_000_000)
    assert (await _json(client, "GET", "/sandbox/v1/clock?after=3&wait=1"))[1]["version"] == 3


async def test_residents_come_in_pages_and_their_cards_sign(client: Client, world: World) -> None:
    """Every resident once, with the valid certificate; it signs; no valid card, no signature."""
    rows: list[dict[str, Any]] = []
    after: str | None = ""
    while after is not None:
        _, page = await _json(client, "GET", f"/sandbox/v1/residents?limit=50&after={after}")
        rows += page["residents"]
        after = page["next"]
    assert [row["resident_id"] for row in rows] == [f"r-{number:06d}" for number in range(1, 121)]
    with_card = [row for row in rows if row["certificate"] is not None]
    assert len(with_card) > 90
    assert {row["generation"] for row in with_card} == {found.key_id for found in world.authority.generations}
    holder = with_card[0]
    path = f"/sandbox/v1/residents/{holder['resident_id']}"
    status, signed = await _json(client, "POST", f"{path}/card:sign", {"data": "aGVsbG8="})
    assert (status, signed["certificate"]) == (200, holder["certificate"])
    assert signed["signature_algorithm"] == "RSASSA-PKCS1-v1_5-SHA256"
    key = x509.load_der_x509_certificate(base64.b64decode(signed["certificate"])).public_key()
    assert isinstance(key, RSAPublicKey)
    key.verify(base64.b64decode(signed["signature"]), b"hello", PKCS1v15(), SHA256())
    status, entry = await _json(client, "POST", f"{path}:lose", {"reissue": 3})
    assert (status, entry["event"], entry["revoked"][0]["reason_code"]) == (200, "lose", 1)
    status, refused = await _json(client, "POST", f"{path}/card:sign", {"data": "aGVsbG8="})
    assert (status, refused["code"]) == (409, "NO_VALID_CARD")
    _, log = await _json(client, "GET", "/sandbox/v1/life-log?after=0")
    assert [row["seq"] for row in log["entries"]] == list(range(1, log["next"] + 1))
    assert log["entries"][-1] == entry
    assert entry["day"] == 2
    _, rest = await _json(client, "GET", f"/sandbox/v1/life-log?after={log['next'] - 1}")
    assert rest == {"entries": [entry], "next": log["next"]}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/jlis/v1/crls/no-such-ca", None, 404, "NO_SUCH_CA"),
        ("GET", "/jlis/v1/crls/card-sign/0000000000000000/131016.crl", None, 404, "NO_SUCH_LIST"),
        ("GET", "/jlis/v1/nothing", None, 404, "HTTP_404"),
        ("POST", "/sandbox/v1/days:play", {"this_update": "tomorrow"}, 400, "REQUEST_MALFORMED"),
        (
            "POST",
            "/sandbox/v1/days:play",
            {"this_update": "2026-11-23T12:00:00Z"},
            409,
            "THIS_UPDATE_IN_FUTURE",
        ),
        (
            "POST",
            "/sandbox/v1/days:play",
            {"this_update": "2026-11-19T12:00:00Z"},
            409,
            "NOT_LATER_THAN_LAST",
        ),
        ("POST", "/sandbox/v1/days:play", {}, 400, "REQUEST_MALFORMED"),
        ("POST", "/sandbox/v1/residents/r-000001:die", {}, 404, "HTTP_404"),
        ("POST", "/sandbox/v1/residents/r-000001:move", {"reissue": 0}, 400, "REQUEST_MALFORMED"),
        ("POST", "/sandbox/v1/residents/r-000001:move", {"reissue": "soon"}, 400, "REQUEST_MALFORMED"),
        (
            "POST",
            "/sandbox/v1/residents/r-000001:move",
            {"municipality_code": "1"},
            422,
            "NO_SUCH_MUNICIPALITY",
        ),
        ("POST", "/sandbox/v1/residents/r-000900:move", {}, 404, "NO_SUCH_RESIDENT"),
        ("POST", "/sandbox/v1/residents/r-000001/card:sign", {"data": "%"}, 400, "REQUEST_MALFORMED"),
        ("GET", "/sandbox/v1/residents?after=1", None, 400, "REQUEST_MALFORMED"),
        ("GET", "/sandbox/v1/life-log?after=-1", None, 400, "REQUEST_MALFORMED"),
        ("GET", "/sandbox/v1/clock?after=x", None, 400, "REQUEST_MALFORMED"),
        ("POST", "/sandbox/v1/ocsp-responders", {"public_key": "x"}, 422, "PUBLIC_KEY_INVALID"),
        ("POST", "/sandbox/v1/faults", {"kind": "stale", "target": "consents"}, 422, "FAULT_NOT_APPLICABLE"),
        ("POST", "/sandbox/v1/faults", {"kind": "fire", "target": "crl"}, 400, "REQUEST_MALFORMED"),
        ("POST", "/sandbox/v1/days:auto", {"enabled": "yes"}, 400, "REQUEST_MALFORMED"),
    ],
)
async def test_a_wrong_request_gets_its_code(
    played: World, method: str, path: str, body: Any, status: int, code: str
) -> None:
    """Each refusal has its HTTP status, a stable code and a sentence, and echoes nothing of what was sent."""
    async with TestClient(TestServer(make_app(played))) as client:
        found, answer = await _json(client, method, path, body)
    assert (found, answer["code"]) == (status, code)
    assert set(answer) == {"code", "message"}
    assert "tomorrow" not in answer["message"]


async def test_a_bad_signature_is_bad_and_nothing_else(client: Client, world: World) -> None:
    """One list only, its to-be-signed part untouched, served although the client knows the good ETag."""
    generation = world.authority.generations[0]
    await _fault(client, "bad_signature", municipality_code="131016", generation=generation.key_id)
    bad = 0
    for url in await _urls(client):
        async with client.get(url) as answer:
            der = await answer.read()
            etag = answer.headers["ETag"]
        parsed = x509.load_der_x509_crl(der)
        found = next(g for g in world.authority.generations if g.key_id[:16] in url)
        key = found.certificate.public_key()
        assert isinstance(key, RSAPublicKey)
        if not parsed.is_signature_valid(key):
            bad += 1
            assert url == f"/jlis/v1/crls/card-sign/{generation.key_id[:16]}/131016.crl"
            _, publication = world.begun()
            good = publication.lists[generation.key_id, "131016"]
            assert x509.load_der_x509_crl(good.der).tbs_certlist_bytes == parsed.tbs_certlist_bytes
            assert etag != f'"{good.sha256}"'
            async with client.get(url, headers={"If-None-Match": f'"{good.sha256}"'}) as answer:
                assert answer.status == 200
    assert bad == 1
    assert (await _json(client, "DELETE", "/sandbox/v1/faults"))[1] == {"faults": []}
    assert (await _json(client, "GET", "/sandbox/v1/faults"))[1] == {"faults": []}


async def test_older_and_stale_lists_are_real_ones(client: Client, world: World) -> None:
    """Older: yesterday's list, still in date. Stale: one whose nextUpdate has passed. Both well signed."""
    url = (await _urls(client))[0]
    key = world.authority.generations[0].certificate.public_key()
    assert isinstance(key, RSAPublicKey)
    for kind, day in (("older", 0), ("stale", -1)):
        await _fault(client, kind, times=1)
        async with client.get(url) as answer:
            parsed = x509.load_der_x509_crl(await answer.read())
        assert parsed.is_signature_valid(key)
        number = parsed.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        assert number == number_of_day(day)
        assert parsed.next_update_utc is not None
        assert (parsed.next_update_utc <= world.clock.now()) is (kind == "stale")
        async with client.get(url) as answer:
            now = x509.load_der_x509_crl(await answer.read())
        assert now.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == number_of_day(1)


async def test_a_truncated_list_announces_more_than_it_sends(client: Client) -> None:
    """The announced length is that of the whole list; the connection ends half-way."""
    url = (await _urls(client))[0]
    async with client.get(url) as answer:
        whole = await answer.read()
    await _fault(client, "truncated", municipality_code="011011")
    async with client.get(url) as answer:
        assert answer.headers["Content-Length"] == str(len(whole))
        with pytest.raises(ClientPayloadError):
            await answer.read()


async def test_garbage_and_errors_and_delays(client: Client) -> None:
    """Garbage is no list, a status is that status with a code, a delay delays; ``times`` counts down."""
    url = (await _urls(client))[0]
    await _fault(client, "garbage", times=1, municipality_code="011011")
    async with client.get(url) as answer:
        assert answer.status == 200
        with pytest.raises(ValueError, match="error parsing"):
            x509.load_der_x509_crl(await answer.read())
    await _fault(client, "status_5xx", "all", status=502, times=2)
    for path in (url, "/jlis/v1/authorities"):
        status, answer = await _json(client, "GET", path)
        assert (status, answer["code"]) == (502, "BUSY")
    await _fault(client, "delay", delay_s=0.4, times=1, municipality_code="011011")
    begun = asyncio.get_running_loop().time()
    async with client.get(url) as answer:
        assert answer.status == 200
    assert asyncio.get_running_loop().time() - begun >= 0.4
    assert (await _json(client, "GET", "/sandbox/v1/faults"))[1] == {"faults": []}


async def test_the_four_information_endpoint_can_fail(client: Client) -> None:
    """A fault for the four items leaves lists and consents alone."""
    await _fault(client, "status_5xx", "four_information")
    body = {
        "ca_id": "card-sign",
        "issuer_key": "00",
        "serial_number": "1",
        "service_code": "s",
        "items": ["name"],
    }
    assert await _json(client, "POST", "/jlis/v1/four-information:query", body) == (
        503,
        {"code": "BUSY", "message": "a fault that was asked for; try again later"},
    )
    async with client.get((await _urls(client))[0]) as answer:
        assert answer.status == 200
    await _json(client, "DELETE", "/sandbox/v1/faults")
    status, answer = await _json(client, "POST", "/jlis/v1/four-information:query", body)
    assert (status, answer) == (200, {"outcome": "CERTIFICATE_UNKNOWN"})


async def test_nothing_is_published_before_the_first_day(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Authorities and partitions are known at once; lists and people need a first day."""
    world = await asyncio.to_thread(open_world, tmp_path_factory.mktemp("new"))
    async with TestClient(TestServer(make_app(world))) as client:
        _, index = await _json(client, "GET", "/jlis/v1/crls/card-sign")
        assert index["published_at"] is None
        status, answer = await _json(client, "GET", index["partitions"][0]["lists"][0]["url"])
        assert (status, answer["code"]) == (404, "NOT_PUBLISHED")
        status, answer = await _json(client, "GET", "/sandbox/v1/residents")
        assert (status, answer["code"]) == (409, "NOT_BEGUN")
        _, health = await _json(client, "GET", "/sandbox/v1/health")
        assert (health["day"], health["residents"], health["seed"]) == (None, 120, 1)
