"""The HTTP adapter: what it sends, what it reads, and how it fails (a real server on the loopback)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from platform_api.jlis.gateway import (
    ConsentSubmission,
    FourInformationQuery,
    Gateway,
    GatewayRefused,
    QueryOutcome,
)
from platform_api.jlis.http import HttpGateway
from platform_api.jlis.settings import GatewaySettings
from revocation.errors import OutsideFailed
from revocation.identity import CertificateIdentity

pytestmark = pytest.mark.timeout(30)

QUERY = FourInformationQuery(
    CertificateIdentity("card-sign", bytes(range(32)), b"\x00\xbf\xcd"), "svc-1", ("name", "gender")
)
DATA: dict[str, Any] = {
    "outcome": "DATA",
    "items": {"name": "黒桐　幹也", "name_substitute_characters": "00010", "gender": "9"},
    "certificate": {
        "ca_id": "card-sign",
        "issuer_key": bytes(range(32)).hex(),
        "serial_number": "bfce",
        "not_before": "2026-11-20T00:00:00Z",
        "not_after": "2031-02-16T14:59:59Z",
        "partition": 7,
    },
    "as_of": "2026-11-21T00:00:00Z",
}

Answer = Callable[[web.Request], web.StreamResponse | Any]


@asynccontextmanager
async def jlis(answer: Answer, **settings: Any) -> AsyncIterator[tuple[HttpGateway, list[Any]]]:
    """A J-LIS whose every answer is ``answer``; and the requests it got."""
    seen: list[Any] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        seen.append((request.method, request.path, await request.json() if request.can_read_body else None))
        found = answer(request)
        if asyncio.iscoroutine(found):
            found = await found
        assert isinstance(found, web.StreamResponse)
        return found

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    async with TestServer(app) as server:
        url = str(server.make_url("/"))
        async with HttpGateway(GatewaySettings(base_url=url, **settings)) as gateway:
            yield gateway, seen


def says(body: Any, status: int = 200) -> Answer:
    return lambda _: web.json_response(body, status=status)


async def test_query_as_sent_and_as_read() -> None:
    """The serial goes out as its value in hex, comes back as DER octets; items are byte-exact."""
    async with jlis(says(DATA)) as (gateway, seen):
        port: Gateway = gateway
        answer = await port.query_four_information(QUERY)
    assert seen == [
        (
            "POST",
            "/jlis/v1/four-information:query",
            {
                "ca_id": "card-sign",
                "issuer_key": bytes(range(32)).hex(),
                "serial_number": "bfcd",
                "service_code": "svc-1",
                "items": ["name", "gender"],
            },
        )
    ]
    assert answer.outcome is QueryOutcome.DATA
    assert answer.items is not None
    assert answer.items.name is not None
    assert answer.items.name.value == "黒桐　幹也"
    assert answer.items.given() == ("name", "gender")
    assert answer.certificate is not None
    assert answer.certificate.identity.serial == b"\x00\xbf\xce"
    assert (answer.certificate.partition, answer.certificate.validity.not_after.year) == (7, 2031)


@pytest.mark.parametrize("outcome", [o.value for o in QueryOutcome if o is not QueryOutcome.DATA])
async def test_other_outcomes_carry_nothing(outcome: str) -> None:
    """Items beside another outcome than DATA are not even read."""
    async with jlis(says(DATA | {"outcome": outcome})) as (gateway, _):
        answer = await gateway.query_four_information(QUERY)
    assert (answer.outcome.value, answer.items, answer.certificate) == (outcome, None, None)


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"outcome": "FUNNY"},
        DATA | {"items": None},
        DATA | {"certificate": None},
        DATA | {"as_of": "yesterday"},
        DATA | {"as_of": "2026-11-21T00:00:00"},
        DATA | {"items": {"name": 5}},
        DATA | {"certificate": DATA["certificate"] | {"serial_number": "zz"}},
        DATA | {"certificate": DATA["certificate"] | {"issuer_key": "00"}},
    ],
)
async def test_half_answers_are_no_answers(body: Any) -> None:
    """An answer that is not exactly of the form is refused whole, and nothing of it is in the error."""
    async with jlis(says(body)) as (gateway, _):
        with pytest.raises(OutsideFailed, match="JLIS_ANSWER_MALFORMED") as failed:
            await gateway.query_four_information(QUERY)
    assert "黒桐" not in str(failed.value)
    assert "bfc" not in str(failed.value)


async def test_busy_is_asked_again_and_then_given_up() -> None:
    """503 BUSY: three attempts, then OutsideFailed with our code; one good answer among them is enough."""
    async with jlis(says({"code": "BUSY"}, 503)) as (gateway, seen):
        with pytest.raises(OutsideFailed, match="JLIS_BUSY"):
            await gateway.query_four_information(QUERY)
    assert len(seen) == 3
    answers = iter([web.json_response({}, status=500), web.json_response(DATA)])
    async with jlis(lambda _: next(answers)) as (gateway, seen):
        assert (await gateway.query_four_information(QUERY)).outcome is QueryOutcome.DATA
    assert len(seen) == 2


@pytest.mark.parametrize(
    ("wanted", "attempts"),
    [("0", 3), ("2", 3), ("3", 1), ("99999999999", 1), ("Fri, 04 Dec 2026 12:00:00 GMT", 1), ("-1", 1)],
)
async def test_who_wants_to_be_left_alone_is(wanted: str, attempts: int) -> None:
    """A busy J-LIS that names a time is not asked again within the call, unless the time is short."""
    for body in ({"code": "BUSY"}, {}):

        def busy(_: web.Request, body: Any = body) -> web.Response:
            return web.json_response(body, status=503, headers={"Retry-After": wanted})

        async with jlis(busy, retry_wait_s=0.01) as (gateway, seen):
            with pytest.raises(OutsideFailed):
                await gateway.query_four_information(QUERY)
        assert len(seen) == attempts


async def test_refusals_by_the_table() -> None:
    """4xx is a refusal, asked once; a code that we do not know is a refusal too."""
    submission = ConsentSubmission("svc-1", b"<a/>", b"s", "ECDSA-SHA256", b"c")
    for theirs, ours in (("SIGNATURE_INVALID", "JLIS_CONSENT_SIGNATURE_INVALID"), ("X9", "JLIS_REFUSED")):
        async with jlis(says({"code": theirs, "message": "x"}, 422)) as (gateway, seen):
            with pytest.raises(GatewayRefused, match=ours):
                await gateway.submit_consent(submission)
        assert len(seen) == 1


async def test_slow_and_silent_servers() -> None:
    """An attempt ends after its time, a call after its own, however many attempts are left."""
    started = asyncio.get_running_loop().time()

    async def never(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(5)
        return web.Response()

    async with jlis(lambda r: never(r), attempt_timeout_s=0.1, call_timeout_s=0.25) as (gateway, _):
        with pytest.raises(OutsideFailed, match="JLIS_TIMEOUT"):
            await gateway.query_four_information(QUERY)
    assert asyncio.get_running_loop().time() - started < 3
    nowhere = GatewaySettings(base_url="http://127.0.0.1:9", attempts=2)
    async with HttpGateway(nowhere) as gateway:
        with pytest.raises(OutsideFailed, match="JLIS_UNREACHABLE"):
            await gateway.query_four_information(QUERY)


async def test_large_answers_and_redirects() -> None:
    """An answer beyond the cap is cut off; a redirect is not followed: the serial goes nowhere else."""
    async with jlis(lambda _: web.Response(body=b" " * 200_000, content_type="application/json")) as (
        gateway,
        seen,
    ):
        with pytest.raises(OutsideFailed, match="JLIS_ANSWER_TOO_LARGE"):
            await gateway.query_four_information(QUERY)
    assert len(seen) == 1

    def away(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "/elsewhere"})

    async with jlis(away) as (gateway, seen):
        with pytest.raises(OutsideFailed, match="JLIS_REDIRECTED"):
            await gateway.query_four_information(QUERY)
    assert [path for _, path, _ in seen] == ["/jlis/v1/four-information:query"]


async def test_consent_authorities_and_partitions() -> None:
    """The other three calls, as the sandbox answers them."""
    reflection = {
        "consent_ref": "r-1",
        "received_at": "2026-11-20T01:00:00Z",
        "reflected_at": "2026-11-20T01:00:01Z",
        "valid_from": "2026-11-20T15:00:00Z",
        "valid_until": "2036-11-20T14:59:59Z",
        "items": ["name"],
    }
    async with jlis(says(reflection, 201)) as (gateway, seen):
        found = await gateway.submit_consent(ConsentSubmission("svc-1", b"<a/>", b"s", "ECDSA-SHA256", b"c"))
    assert (found.consent_ref, found.items) == ("r-1", frozenset({"name"}))
    assert seen[0][2]["application"] == "PGEvPg=="
    backwards = reflection | {"valid_until": reflection["valid_from"]}
    async with jlis(says(backwards, 201)) as (gateway, _):
        with pytest.raises(OutsideFailed, match="JLIS_ANSWER_MALFORMED"):
            await gateway.submit_consent(ConsentSubmission("svc-1", b"<a/>", b"s", "ECDSA-SHA256", b"c"))
    authorities = {
        "authorities": [
            {
                "ca_id": "card-sign",
                "crl_signing": "each_generation",
                "kinds": {"1.2": "card-sign"},
                "certificates": ["pem"],
                "serial_ceiling": None,
            }
        ]
    }
    async with jlis(says(authorities)) as (gateway, _):
        assert [one.ca_id for one in await gateway.authorities()] == ["card-sign"]
    partitions = {
        "ca_id": "card-sign",
        "published_at": "2026-11-20T00:00:00Z",
        "partitions": [
            {
                "partition": 1,
                "municipality_code": "131016",
                "distribution_point": "MAA=",
                "label": "Chiyoda-ku",
                "lists": [{"generation": "ab", "url": "/x.crl"}],
            }
        ],
    }
    async with jlis(says(partitions)) as (gateway, seen):
        found_partitions = await gateway.partitions("card-sign")
    assert seen[0][:2] == ("GET", "/jlis/v1/crls/card-sign")
    assert found_partitions[0].distribution_point == b"0\x00"
    assert found_partitions[0].lists[0].url == "/x.crl"
    assert json.dumps(partitions)
