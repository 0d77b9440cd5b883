"""Asking another responder over HTTP: what is sent, what is believed, and every way in which it fails."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from platform_api.upstream_ocsp.outcomes import Outcome
from revocation.ocsp.signing_keys import FileKey
from revocation.ocsp.upstream_answer import UpstreamRules
from revocation.ocsp.upstream_question import RequestSigner
from revocation.ocsp.upstream_word import CertStatus
from tests import pki
from tests.features.upstream import MEDIA_TYPE, Says, answers, asking, identity_of, never, responding
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
    """RFC 9919 section 5: GET up to 255 octets, one path segment, nothing unescaped; else POST."""
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
    "slow": (never, Outcome.FAILED, "UPSTREAM_TIMEOUT"),
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
