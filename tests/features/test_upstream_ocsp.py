"""Asking another responder over HTTP: what is sent, what is believed, and every way in which it fails."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from platform_api.upstream_ocsp.breaker import State
from platform_api.upstream_ocsp.outcomes import Outcome
from revocation.ocsp.signing_keys import FileKey
from revocation.ocsp.upstream_answer import UpstreamRules
from revocation.ocsp.upstream_question import RequestSigner
from revocation.ocsp.upstream_word import CertStatus
from tests import pki
from tests.base.eventually import eventually
from tests.features.upstream import MEDIA_TYPE, Asking, Says, answers, asking, identity_of, responding
from tests.revocation import forged_answers as forged
from tests.revocation.forged_answers import HOUR, NOW, cert_id, delegate, nonce_of, response, single

pytestmark = pytest.mark.timeout(60)
OTHER_KEY = pki.key("p256", 57)


# --- what is sent ---


@pytest.mark.parametrize("hash_name", ["sha1", "sha256"])
async def test_post_with_a_nonce(hash_name: str) -> None:
    """One POST with its media type, the CertID by the hash that is set, 32 octets of nonce."""
    async with asking(answers(), hash_name=hash_name) as here:
        asked = await here.ask()
    assert (asked.outcome, asked.word and asked.word.status) == (Outcome.ANSWERED, CertStatus.good)
    (sent,) = here.responder.asked
    assert forged.cert_id_of(sent) == cert_id(hash_name=hash_name)
    assert len(nonce_of(sent) or b"") == 32
    assert here.responder.methods == ["POST"]


@pytest.mark.parametrize(("with_nonce", "method"), [(False, "GET"), (True, "GET"), (True, "POST")])
async def test_get_for_short_requests(with_nonce: bool, method: str) -> None:
    """RFC 9919 section 5.1: GET up to 255 octets, one path segment, nothing unescaped; else POST."""
    signer = None
    if method == "POST":
        signer = RequestSigner(FileKey(OTHER_KEY), (delegate(OTHER_KEY, common_name="requestor"),))
    settings: dict[str, Any] = {"prefer_get": True, "with_nonce": with_nonce, "signer": signer}
    async with asking(answers(), **settings) as here:
        for serial in range(1, 9):  # among eight there is a slash, a plus or an equals sign in base64
            assert (await here.ask(bytes([serial]))).outcome is Outcome.ANSWERED
    assert set(here.responder.methods) == {method}
    assert any(set(b64encode(sent).decode()) & set("/+=") for sent in here.responder.asked)


async def test_a_signed_request_arrives_signed() -> None:
    """Our certificate is in it, and the answer to it is believed as any other."""
    certificate = delegate(OTHER_KEY, common_name="requestor")
    async with asking(answers(), signer=RequestSigner(FileKey(OTHER_KEY), (certificate,))) as here:
        assert (await here.ask()).outcome is Outcome.ANSWERED
    assert certificate.public_bytes(pki.Encoding.DER) in here.responder.asked[0]


async def test_each_ca_has_its_address() -> None:
    """An address for one CA goes before the common one; a CA without any is not asked about."""
    async with responding(answers()) as common, asking(answers(), url=common.url) as here:
        assert (await here.ask()).outcome is Outcome.ANSWERED
    assert (len(common.asked), len(here.responder.asked)) == (1, 0)
    async with responding(answers()) as own:
        async with asking(answers(), urls={"card-sign": own.url}) as here:
            assert (await here.ask()).outcome is Outcome.ANSWERED
        assert (len(own.asked), len(here.responder.asked)) == (1, 0)
        async with asking(answers(), url=None, urls={"card-auth": own.url}) as here:
            assert (await here.ask()).outcome is Outcome.NOT_CONFIGURED
        assert len(own.asked) == 1


async def test_what_has_no_issuer_of_ours_is_not_asked_about() -> None:
    """Nor a serial that nobody can have issued."""
    foreign = identity_of()
    async with asking(answers()) as here:
        stranger = type(foreign)("card-sign", b"\x01" * 32, foreign.serial)
        assert (await here.upstream.ask(stranger, here.budget())).outcome is Outcome.NOT_ASKED
        assert (await here.ask(b"\xbf\xcd")).outcome is Outcome.NOT_ASKED
    assert here.responder.asked == []


# --- what goes wrong ---


def half(_: bytes) -> Any:
    """A length that is promised and not kept."""

    async def answer() -> web.StreamResponse:
        class Half(web.Response):
            async def write_eof(self, data: bytes = b"") -> None:
                assert self._req is not None
                assert self._req.transport is not None
                await super().write(b"\x30\x82")
                self._req.transport.close()

        return Half(headers={"Content-Length": "500", "Content-Type": MEDIA_TYPE})

    return answer()


async def _never(_: bytes) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


def elsewhere(_: bytes) -> web.Response:
    return web.Response(status=302, headers={"Location": "/elsewhere"})


def huge(_: bytes) -> web.Response:
    return web.Response(body=b"\x30" * 200_000, content_type=MEDIA_TYPE)


def compressed(der: bytes) -> web.Response:
    good = answers()(der)
    assert isinstance(good, bytes)
    return web.Response(body=good[:-1], content_type=MEDIA_TYPE, headers={"Content-Encoding": "gzip"})


def replayed(der: bytes) -> bytes:
    """Of yesterday, with yesterday's nonce."""
    return response(
        single(forged.cert_id_of(der), this_update=NOW - 20 * HOUR, next_update=NOW - 19 * HOUR),
        nonce=b"\x07" * 32,
    )


def _text(body: bytes, status: int = 200, kind: str = MEDIA_TYPE) -> Callable[[bytes], web.Response]:
    return lambda _: web.Response(body=body, status=status, content_type=kind)


FAILURES: dict[str, tuple[Says, Outcome, str]] = {
    "slow": (_never, Outcome.FAILED, "UPSTREAM_TIMEOUT"),
    "half": (half, Outcome.FAILED, "UPSTREAM_UNREACHABLE"),
    "huge": (huge, Outcome.FAILED, "UPSTREAM_TOO_LARGE"),
    "redirect": (elsewhere, Outcome.FAILED, "UPSTREAM_STATUS"),
    "500": (_text(b"", 500), Outcome.FAILED, "UPSTREAM_STATUS"),
    "html": (_text(b"<html>", kind="text/html"), Outcome.FAILED, "UPSTREAM_CONTENT_TYPE"),
    "html-named-ocsp": (_text(b"<html>"), Outcome.REFUSED, "UPSTREAM_MALFORMED"),
    "empty": (_text(b""), Outcome.REFUSED, "UPSTREAM_TOO_LARGE"),
    "compressed": (compressed, Outcome.REFUSED, "UPSTREAM_MALFORMED"),
    "try-later": (lambda _: forged.error_response(3), Outcome.REFUSED, "UPSTREAM_TRY_LATER"),
    "unauthorized": (lambda _: forged.error_response(6), Outcome.REFUSED, "UPSTREAM_UNAUTHORIZED"),
    "wrong-serial": (
        lambda der: response(single(cert_id(b"\x01")), nonce=nonce_of(der)),
        Outcome.REFUSED,
        "UPSTREAM_OTHER_CERTIFICATE",
    ),
    "other-cert-id": (
        lambda der: response(single(cert_id(hash_name="sha256")), nonce=nonce_of(der)),
        Outcome.REFUSED,
        "UPSTREAM_OTHER_CERTIFICATE",
    ),
    "wrong-key": (answers(private=OTHER_KEY), Outcome.REFUSED, "UPSTREAM_SIGNER"),
    "expired-delegate": (
        answers(private=OTHER_KEY, certificates=[delegate(OTHER_KEY, start=NOW - 200 * HOUR)]),
        Outcome.REFUSED,
        "UPSTREAM_SIGNER_DATES",
    ),
    "replayed": (replayed, Outcome.REFUSED, "UPSTREAM_NONCE"),
    "replayed-without-nonce": (
        answers(this_update=NOW - 20 * HOUR, next_update=NOW - 19 * HOUR, nonce=None),
        Outcome.REFUSED,
        "UPSTREAM_STALE",
    ),
    "other-nonce": (answers(nonce=b"\x01" * 32), Outcome.REFUSED, "UPSTREAM_NONCE"),
}


@pytest.mark.parametrize("name", FAILURES)
async def test_a_misbehaving_responder_is_an_outcome_and_no_word(name: str) -> None:
    """No word, one log line with a code of ours, one count; nothing of it is kept, nothing raised."""
    says, outcome, code = FAILURES[name]
    async with asking(says, timeout_s=0.3 if name == "slow" else 10.0) as here:
        asked = await here.ask()
        assert (asked.outcome, asked.word) == (outcome, None)
        assert here.codes() == [code]
        assert here.counted(outcome.value) == 1
        assert here.responder.methods == ["POST"]
        here.responder.says = answers()
        assert (await here.ask()).outcome is Outcome.ANSWERED


async def test_nobody_there() -> None:
    """A port that nobody listens on: FAILED at once."""
    async with asking(answers(), url="http://127.0.0.1:9/ocsp") as here:
        assert (await here.ask()).outcome is Outcome.FAILED
        assert here.codes() == ["UPSTREAM_UNREACHABLE"]


async def test_a_missing_nonce_by_setting() -> None:
    """Tolerated by default, refused where it is required."""
    async with asking(answers(nonce=None)) as here:
        assert (await here.ask()).outcome is Outcome.ANSWERED
    async with asking(answers(nonce=None), rules=UpstreamRules(require_nonce=True)) as here:
        assert (await here.ask()).outcome is Outcome.REFUSED
        assert here.codes() == ["UPSTREAM_NONCE"]


@pytest.mark.parametrize(
    "kind",
    ["application/ocsp-response; charset=binary", "APPLICATION/OCSP-Response", "application/octet-stream"],
)
async def test_the_content_type_is_read_leniently(kind: str) -> None:
    """Parameters, another case, "some octets": what they are decides."""

    def says(der: bytes) -> web.Response:
        body = answers()(der)
        assert isinstance(body, bytes)
        return web.Response(body=body, headers={"Content-Type": kind})

    async with asking(says) as here:
        assert (await here.ask()).outcome is Outcome.ANSWERED


# --- one at a time, kept, bounded ---


class Gate:
    """Answers when it is opened; tells how many wait."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.waiting = 0

    async def __call__(self, der: bytes) -> bytes:
        self.waiting += 1
        await self.opened.wait()
        found = answers()(der)
        assert isinstance(found, bytes)
        return found


async def test_one_question_under_way_for_one_certificate() -> None:
    """Ten callers, one request; each gets the word, and one question of the budget is used."""
    gate = Gate()
    async with asking(gate, per_request=1) as here:
        budget = here.budget()
        callers = [asyncio.create_task(here.ask(budget=budget)) for _ in range(10)]
        await eventually(lambda: gate.waiting)
        gate.opened.set()
        found = await asyncio.gather(*callers)
    assert {asked.outcome for asked in found} == {Outcome.ANSWERED}
    assert len(here.responder.asked) == 1


async def test_a_caller_that_goes_away_takes_nothing_from_the_others() -> None:
    """The first one is cancelled; the second still gets the answer to the same request."""
    gate = Gate()
    async with asking(gate) as here:
        first = asyncio.create_task(here.ask())
        await eventually(lambda: gate.waiting)
        second = asyncio.create_task(here.ask())
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        gate.opened.set()
        assert (await second).outcome is Outcome.ANSWERED
    assert len(here.responder.asked) == 1


async def test_closing_ends_what_is_under_way() -> None:
    """No task outlives the client; who waits is cancelled."""
    gate = Gate()
    async with asking(gate) as here:
        waiting = asyncio.create_task(here.ask())
        await eventually(lambda: gate.waiting)
        await here.upstream.close()
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_questions_at_the_same_time_are_bounded() -> None:
    """Two turns: the third question is sent when one of the first is answered."""
    gate = Gate()
    async with asking(gate, concurrency=2) as here:
        callers = [asyncio.create_task(here.ask(bytes([n]))) for n in (1, 2, 3)]
        await eventually(lambda: gate.waiting == 2)
        assert len(here.responder.asked) == 2
        gate.opened.set()
        found = await asyncio.gather(*callers)
    assert {asked.outcome for asked in found} == {Outcome.ANSWERED}
    assert len(here.responder.asked) == 3


async def test_waiting_for_a_turn_counts() -> None:
    """The deadline is the caller's whole wait, not only that of the exchange."""
    async with asking(_never, concurrency=1, timeout_s=0.3) as here:
        found = await asyncio.gather(here.ask(b"\x01"), here.ask(b"\x02"))
    assert [asked.outcome for asked in found] == [Outcome.FAILED, Outcome.FAILED]


async def test_a_word_is_kept_for_a_while_only() -> None:
    """Asked again within five minutes: no request, no budget; after them: a new one."""
    async with asking(answers(next_update=NOW + HOUR), per_minute=2) as here:
        first = await here.ask()
        here.clock.advance(timedelta(minutes=4, seconds=59))
        assert await here.ask() == first
        assert (len(here.responder.asked), here.counted("kept")) == (1, 1)
        here.clock.advance(timedelta(seconds=1))
        again = await here.ask()
        assert again.word is not None
        assert first.word is not None
        assert again.word.received_at > first.word.received_at
        assert len(here.responder.asked) == 2


async def test_a_word_is_never_kept_beyond_its_next_update() -> None:
    """Two minutes are left: then it is over, and the responder's same old answer is refused."""
    async with asking(answers(next_update=NOW + timedelta(minutes=2))) as here:
        assert (await here.ask()).outcome is Outcome.ANSWERED
        here.clock.advance(timedelta(minutes=2))
        assert (await here.ask()).outcome is Outcome.REFUSED
    assert here.codes() == ["UPSTREAM_STALE"]


async def test_the_budget_of_a_request_and_of_a_minute() -> None:
    """Two for a request, three for an institution's minute; then nothing is sent until the next minute."""
    async with asking(answers(), per_request=2, per_minute=3) as here:
        budget = here.budget()
        outcomes = [(await here.ask(bytes([n]), budget)).outcome for n in (1, 2, 3)]
        assert outcomes == [Outcome.ANSWERED, Outcome.ANSWERED, Outcome.OVER_BUDGET]
        assert [(await here.ask(bytes([n]))).outcome for n in (4, 5)] == [
            Outcome.ANSWERED,
            Outcome.OVER_BUDGET,
        ]
        here.monotonic[0] += 60
        assert (await here.ask(b"\x05")).outcome is Outcome.ANSWERED
    assert len(here.responder.asked) == 4


async def _fail(here: Asking, times: int) -> None:
    here.responder.says = _text(b"", 503)
    for n in range(times):
        assert (await here.ask(bytes([1 + n]))).outcome is Outcome.FAILED


async def test_the_breaker_over_http() -> None:
    """Three failures: left alone without a request and without budget; after the pause one probe decides."""
    async with asking(answers(), failures=3, pause_s=30.0) as here:
        await _fail(here, 3)
        assert here.upstream.state_of("card-sign") is State.OPEN
        assert (await here.ask(b"\x41")).outcome is Outcome.PAUSED
        assert len(here.responder.asked) == 3
        here.monotonic[0] += 30
        assert (await here.ask(b"\x42")).outcome is Outcome.FAILED
        assert (await here.ask(b"\x43")).outcome is Outcome.PAUSED
        here.monotonic[0] += 30
        here.responder.says = answers()
        assert (await here.ask(b"\x44")).outcome is Outcome.ANSWERED
        assert here.upstream.state_of("card-sign") is State.CLOSED
        assert here.counted("paused") == 2


async def test_one_probe_only_and_one_that_is_given_up_is_none() -> None:
    """Half open: the second question is paused; where the probe is cancelled, another may try."""
    gate = Gate()
    async with asking(answers(), failures=1, pause_s=30.0) as here:
        await _fail(here, 1)
        here.monotonic[0] += 30
        here.responder.says = gate
        probe = asyncio.create_task(here.ask(b"\x51"))
        await eventually(lambda: gate.waiting)
        assert (await here.ask(b"\x52")).outcome is Outcome.PAUSED
        await here.upstream.close()  # what is under way is given up; the client may be asked again
        with pytest.raises(asyncio.CancelledError):
            await probe
        here.responder.says = answers()
        assert (await here.ask(b"\x53")).outcome is Outcome.ANSWERED


async def test_unauthorized_leaves_nobody_alone() -> None:
    """It speaks of one certificate: a stranger's certificates must not pause the responder for everybody."""
    async with asking(lambda _: forged.error_response(6), failures=2) as here:
        for n in range(1, 6):
            assert (await here.ask(bytes([n]))).outcome is Outcome.REFUSED
        assert here.upstream.state_of("card-sign") is State.CLOSED
