"""``openssl ocsp`` as the responder: what OpenSSL answers is believed, and only that."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from platform_api.upstream_ocsp.outcomes import Outcome
from revocation.ocsp.signing_keys import FileKey
from revocation.ocsp.upstream_answer import UpstreamRules
from revocation.ocsp.upstream_question import RequestSigner
from revocation.ocsp.upstream_word import CertStatus
from tests import pki
from tests.features.upstream import Says, asking
from tests.revocation.forged_answers import delegate, issuer

pytestmark = pytest.mark.timeout(60)
#: OpenSSL answers by the machine's clock.
NOW = datetime.now(UTC).replace(microsecond=0)
KEY = pki.key("p256", 71)
GOOD, REVOKED, HELD, STRANGER = b"\x51", b"\x52", b"\x00\xd3", b"\x54"


def _index() -> str:
    """CA database: status, expiry, revocation date with reason, serial, file, subject."""
    end, at = "300101000000Z", f"{NOW - timedelta(days=1):%y%m%d%H%M%S}Z"
    rows = [
        ("V", end, "", "51"),
        ("R", end, f"{at},superseded", "52"),
        ("R", end, f"{at},holdInstruction,holdInstructionCallIssuer", "D3"),
    ]
    lines = ["\t".join((*row, "unknown", f"/CN={row[-1]}")) for row in rows]
    return "\n".join(lines) + "\n"


def _write(folder: Path, certificate: Any) -> None:
    (folder / "index.txt").write_text(_index())
    (folder / "ca.pem").write_bytes(issuer().certificate.public_bytes(Encoding.PEM))
    (folder / "responder.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    secret = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "responder.key").write_bytes(secret)


def openssl(folder: Path, *options: str, certificate: Any = None) -> Says:
    """OpenSSL answers each request that the fake takes in; its own server would listen on every address."""
    _write(folder, certificate or delegate(KEY, start=NOW - timedelta(hours=1)))
    files = ("-index", "index.txt", "-CA", "ca.pem", "-rsigner", "responder.pem", "-rkey", "responder.key")
    numbers = count()

    async def says(der: bytes) -> bytes:
        asked, answered = (folder / f"{next(numbers)}.{kind}" for kind in ("request", "response"))
        await asyncio.to_thread(asked.write_bytes, der)
        process = await asyncio.create_subprocess_exec(
            *("openssl", "ocsp", *files, *options, "-reqin", asked, "-respout", answered),
            cwd=folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(20):
                said, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode == 0, said
        return await asyncio.to_thread(answered.read_bytes)

    return says


@pytest.mark.parametrize("hash_name", ["sha1", "sha256"])
@pytest.mark.parametrize("prefer_get", [False, True])
async def test_what_openssl_answers_is_believed(tmp_path: Path, hash_name: str, prefer_get: bool) -> None:
    """good, revoked with reason and date, hold, and unknown for a stranger; with our nonce, POST and GET."""
    async with asking(
        openssl(tmp_path, "-nmin", "30"),
        at=datetime.now(UTC),
        hash_name=hash_name,
        prefer_get=prefer_get,
        rules=UpstreamRules(require_nonce=True),
        timeout_s=30.0,
    ) as here:
        found = {serial: (await here.ask(serial)).word for serial in (GOOD, REVOKED, HELD, STRANGER)}
        assert here.log.getvalue() == ""
    assert all(word is not None for word in found.values())
    told = {
        serial: (word.status, word.reason, word.held) for serial, word in found.items() if word is not None
    }
    assert told == {
        GOOD: (CertStatus.good, None, False),
        REVOKED: (CertStatus.revoked, 4, False),
        HELD: (CertStatus.revoked, 6, True),
        STRANGER: (CertStatus.unknown, None, False),
    }
    revoked = found[REVOKED]
    assert revoked is not None
    assert revoked.revoked_at == NOW - timedelta(days=1)
    assert revoked.next_update == revoked.this_update + timedelta(minutes=30)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("-badsig",), "UPSTREAM_SIGNATURE"),
        (("-resp_no_certs",), "UPSTREAM_SIGNER"),
        (("-rcid", "sha256"), "UPSTREAM_OTHER_CERTIFICATE"),
        # An ECDSA key whatever digest: OpenSSL writes ecdsa-with-SHA1.
        (("-rmd", "sha1"), "UPSTREAM_ALGORITHM_WEAK"),
    ],
)
async def test_what_openssl_bends_is_refused(tmp_path: Path, options: tuple[str, ...], code: str) -> None:
    """Its own test options: a broken signature, no certificate, a CertID by another hash, SHA-1."""
    async with asking(openssl(tmp_path, *options), at=datetime.now(UTC), timeout_s=30.0) as here:
        assert (await here.ask(GOOD)).outcome is Outcome.REFUSED
        assert here.codes() == [code]


async def test_a_pinned_responder_sends_no_certificate(tmp_path: Path) -> None:
    """Locally trusted, by key id; OpenSSL reads our signed request."""
    certificate = delegate(KEY, start=NOW - timedelta(hours=1), usage=None, nocheck=False)
    signer = RequestSigner(FileKey(KEY), (delegate(KEY, common_name="requestor"),))
    async with asking(
        openssl(tmp_path, "-resp_no_certs", "-resp_key_id", certificate=certificate),
        at=datetime.now(UTC),
        signer=signer,
        rules=UpstreamRules(pinned=certificate),
        timeout_s=30.0,
    ) as here:
        asked = await here.ask(REVOKED)
    assert asked.word is not None
    assert asked.word.status is CertStatus.revoked
