"""T41: the line to J-LIS fails in every way, over real sockets; never half an answer, never for ever."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from platform_api.breaker import State
from platform_api.jlis.calls import Kind
from platform_api.jlis.error_codes import MEANINGS
from platform_api.jlis.gateway import (
    ConsentSubmission,
    FourInformationAnswer,
    FourInformationQuery,
    GatewayRefused,
    QueryOutcome,
)
from platform_api.jlis.http import HttpGateway
from platform_api.jlis.settings import GatewaySettings
from revocation.errors import OutsideFailed
from revocation.identity import serial_to_hex
from tests.base.postgres import TestInstitution
from tests.features import chaos_jlis
from tests.features.cards import make_card
from tests.features.chaos_jlis import ChaosJlis, Trick, chaos
from tests.features.consenting import ALL, consent, fetch, next_day, onboard
from tests.features.gateways import CANARY_ADDRESS, CANARY_BIRTH, CANARY_NAME, FakeJlis
from tests.features.service import serving
from tests.features.test_jlis_http import DATA, QUERY
from tests.features.world import World, everything
from tests.revocation import sets

pytestmark = pytest.mark.timeout(60)

QUICK: dict[str, Any] = {"attempt_timeout_s": 0.4, "call_timeout_s": 3.0, "retry_wait_s": 0.01}
NONE = {"outcome": "NO_NEW_CERTIFICATE"}
SUBMISSION = ConsentSubmission("svc-1", b"<a/>", b"s", "ECDSA-SHA256", b"c")

#: How the line fails, by which code, and how many requests three attempts make of it.
FAILURES: dict[str, tuple[Trick, str, int]] = {
    "timeout": (chaos_jlis.silent, "JLIS_TIMEOUT", 3),
    "dripping": (chaos_jlis.dripping, "JLIS_TIMEOUT", 3),
    "503": (chaos_jlis.busy, "JLIS_BUSY", 3),
    "half": (chaos_jlis.half, "JLIS_UNREACHABLE", 3),
    "half, chunked": (chaos_jlis.half_chunked, "JLIS_UNREACHABLE", 3),
    "cut": (chaos_jlis.cut, "JLIS_UNREACHABLE", 3),
    "twice in one body": (chaos_jlis.twice_in_one, "JLIS_ANSWER_MALFORMED", 1),
    "redirect": (chaos_jlis.redirect, "JLIS_REDIRECTED", 1),
    "a page of a proxy": (chaos_jlis.a_page, "JLIS_STATUS", 1),
}


def line(here: ChaosJlis, **settings: Any) -> HttpGateway:
    return HttpGateway(GatewaySettings(base_url=here.url, **(QUICK | settings)))


@pytest.mark.parametrize("name", FAILURES)
async def test_t41_each_failure_of_the_line_is_bounded_and_whole(name: str) -> None:
    """Three attempts at most, one code of ours, nothing of the answer in the error and its causes."""
    trick, code, attempts = FAILURES[name]
    async with chaos(DATA, *[trick] * 9) as here, line(here) as gateway:
        with pytest.raises(OutsideFailed) as failed:
            await gateway.query_four_information(QUERY)
        assert (failed.value.code, len(here.requests)) == (code, attempts)
        error: BaseException | None = failed.value
        while error is not None:
            assert "黒桐" not in str(error)
            assert "bfc" not in str(error)
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        here.tricks.clear()
        assert (await gateway.query_four_information(QUERY)).outcome is QueryOutcome.DATA


@pytest.mark.parametrize("name", [name for name, (_, _, attempts) in FAILURES.items() if attempts == 3])
async def test_t41_what_passes_is_asked_again(name: str) -> None:
    """Once failed, then well: one answer, from two requests that are the same to the octet."""
    async with chaos(DATA, FAILURES[name][0]) as here, line(here) as gateway:
        answer = await gateway.query_four_information(QUERY)
    assert answer.outcome is QueryOutcome.DATA
    assert len(here.requests) == 2
    assert here.requests[0] == here.requests[1]


OK_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
#: What no server of good will sends.
RAW = (
    b"",
    b"\r\n\r\n",
    b"\x16\x03\x01\x02\x00",
    b"HTTP/9.9 200 OK\r\n\r\n",
    b"HTTP/1.1 2OO OK\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000 + b"\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 206 Partial Content\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 304 Not Modified\r\n\r\n",
    OK_HEAD + b"Content-Length: -1\r\n\r\n{}",
    OK_HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}}",
    OK_HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    OK_HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    OK_HEAD + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    OK_HEAD + b"Content-Length: 0\r\n\r\n",
    OK_HEAD + b"\r\n",
    OK_HEAD + b"\r\n" + b"[" * 1_000_000,
)


@pytest.mark.parametrize("octets", RAW, ids=range(len(RAW)))
async def test_t41_any_octets_are_an_error_of_ours(octets: bytes) -> None:
    """Whatever comes instead of an answer: one of the port's two errors, in time, with nothing kept open."""

    async def raw(writer: asyncio.StreamWriter, _: bytes) -> None:
        writer.write(octets)
        await writer.drain()
        writer.close()

    async with chaos(DATA, *[raw] * 9) as here, line(here) as gateway:
        with pytest.raises(OutsideFailed) as failed:
            await gateway.query_four_information(QUERY)
        assert failed.value.code in MEANINGS
        here.tricks.clear()
        assert (await gateway.query_four_information(QUERY)).outcome is QueryOutcome.DATA


async def test_t41_an_answer_that_comes_twice_answers_no_other_question() -> None:
    """A second answer, late, on the same line: the next question gets its own, on a line of its own."""
    other = {**DATA, "items": DATA["items"] | {"name": "別人　花子"}}
    async with chaos(NONE) as here, line(here) as gateway:
        here.tricks = [chaos_jlis.twice_late(chaos_jlis.orjson.dumps(other))]
        first = await gateway.query_four_information(QUERY)
        for _ in range(20):  # the second one has come, also where the loop stalls for a while
            await asyncio.sleep(0.01)
        here.say(DATA)
        second = await gateway.query_four_information(QUERY)
    assert first == FourInformationAnswer(QueryOutcome.NO_NEW_CERTIFICATE)
    assert second.items is not None
    assert second.items.name is not None
    assert second.items.name.value == "黒桐　幹也"
    assert here.connections == 2


async def test_t41_the_breaker_opens_and_nothing_is_sent() -> None:
    """Five failures in a row: the sixth question is not sent; other kinds of calls go on; a pause later one
    probe closes it again."""
    now = [0.0]
    async with chaos(DATA, *[chaos_jlis.cut] * 5) as here:
        settings = GatewaySettings(base_url=here.url, **(QUICK | {"attempts": 1}))
        async with HttpGateway(settings, monotonic=lambda: now[0]) as gateway:
            for _ in range(5):
                with pytest.raises(OutsideFailed, match="JLIS_UNREACHABLE"):
                    await gateway.query_four_information(QUERY)
            with pytest.raises(OutsideFailed, match="JLIS_PAUSED"):
                await gateway.query_four_information(QUERY)
            assert len(here.requests) == 5
            here.say({"authorities": []})
            assert await gateway.authorities() == ()
            here.say(DATA)
            now[0] = 30.0
            assert gateway.state_of(Kind.FOUR_INFORMATION) is State.HALF_OPEN
            assert (await gateway.query_four_information(QUERY)).outcome is QueryOutcome.DATA
            assert gateway.state_of(Kind.FOUR_INFORMATION) is State.CLOSED


async def test_t41_the_failure_that_opens_the_breaker_is_told_as_such() -> None:
    """The attempt after it is not sent, and the caller learns of the failure, not of our pause."""
    async with chaos(DATA, *[chaos_jlis.half] * 9) as here, line(here, failures=2) as gateway:
        with pytest.raises(OutsideFailed, match="JLIS_UNREACHABLE"):
            await gateway.query_four_information(QUERY)
        assert len(here.requests) == 2


async def test_t41_a_refusal_is_no_failure_of_the_line() -> None:
    """However often J-LIS says no, it answers: nobody else is kept from asking."""
    async with chaos({}) as here, line(here, failures=2) as gateway:

        async def no(writer: asyncio.StreamWriter, _: bytes) -> None:
            writer.write(chaos_jlis.http(b'{"code":"CERTIFICATE_REVOKED"}', status="422 Unprocessable"))
            await writer.drain()

        here.tricks = [no] * 4
        for _ in range(4):
            with pytest.raises(GatewayRefused, match="JLIS_CONSENT_CERTIFICATE_INVALID"):
                await gateway.submit_consent(SUBMISSION)
        assert gateway.state_of(Kind.CONSENTS) is State.CLOSED


@pytest.mark.parametrize(("trick", "attempts"), [(chaos_jlis.half, 1), (chaos_jlis.busy, 3)])
async def test_t41_an_application_is_sent_again_only_where_that_is_harmless(
    trick: Trick, attempts: int
) -> None:
    """Where J-LIS does not know an application again: not sent twice, unless it was surely not taken."""
    async with chaos({}, *[trick] * 9) as here, line(here, resubmit=False) as gateway:
        with pytest.raises(OutsideFailed):
            await gateway.submit_consent(SUBMISSION)
        assert len(here.requests) == attempts
    async with chaos({}, *[trick] * 9) as here, line(here) as gateway:
        with pytest.raises(OutsideFailed):
            await gateway.submit_consent(SUBMISSION)
        assert len(here.requests) == 3


class ThroughLine(FakeJlis):
    """The four items over the line, all else in memory."""

    line: HttpGateway

    async def query_four_information(self, query: FourInformationQuery) -> FourInformationAnswer:
        self.queries.append(query)
        return await self.line.query_four_information(query)


@pytest.mark.parametrize("name", FAILURES)
async def test_t41_no_partial_record(world: World, institution: TestInstitution, name: str) -> None:
    """Each failure through the service: TEMPORARY, no new certificate watched, no item in any table; and then
    the whole answer."""
    jlis = ThroughLine(world.clock)
    await world.day()
    old, new = make_card(sets.ca()), make_card(sets.ca())
    known = world.known(new)
    answer = {
        "outcome": "DATA",
        "items": {
            "name": CANARY_NAME,
            "address": CANARY_ADDRESS,
            "date_of_birth": CANARY_BIRTH,
            "gender": "2",
        },
        "certificate": {
            "ca_id": known.identity.ca_id,
            "issuer_key": known.identity.issuer_key.hex(),
            "serial_number": serial_to_hex(known.identity.serial),
            "not_before": known.validity.not_before.isoformat(),
            "not_after": known.validity.not_after.isoformat(),
            "partition": None,
        },
        "as_of": world.clock.now().isoformat(),
    }
    async with (
        chaos(answer, *[FAILURES[name][0]] * 9) as here,
        line(here) as jlis.line,
        serving(world, jlis) as service,
    ):
        registration_id = await onboard(service, institution, old)
        await consent(service, institution, old, registration_id)
        await next_day(service, {old.serial: 3})
        before = await everything(world.database)
        failed = await fetch(service, institution, registration_id)
        assert (failed["outcome"], failed["four_information"]) == ("TEMPORARY", None)
        assert failed["registration"]["pending_successor"] is False
        after = await everything(world.database)
        assert CANARY_NAME not in repr(after)
        changed = {table for table in after if after[table] != before[table]}
        assert changed <= {"registration", "four_information_query"}, changed
        here.tricks.clear()
        got = await fetch(service, institution, registration_id, ALL)
        assert got["outcome"] == "DATA", got
        assert got["four_information"]["name"]["value"] == CANARY_NAME
