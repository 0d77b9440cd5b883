"""pyhanko-certvalidator: POST, both hashes, with and without a nonce, in delegated mode."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from asn1crypto import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import InsufficientRevinfoError, RevokedError
from pyhanko_certvalidator.fetchers import Fetchers
from pyhanko_certvalidator.fetchers.aiohttp_fetchers.cert_fetch_client import AIOHttpCertificateFetcher
from pyhanko_certvalidator.fetchers.aiohttp_fetchers.crl_client import AIOHttpCRLFetcher
from pyhanko_certvalidator.fetchers.aiohttp_fetchers.ocsp_client import AIOHttpOCSPFetcher

from tests.clients.cases import Cannot, Case, Client, Kind, Status, Trust, only
from tests.clients.conftest import Responders

pytestmark = [pytest.mark.clients, pytest.mark.timeout(60)]

CLIENT = Client(
    "pyhanko-certvalidator",
    {},
    (
        Cannot("it sends POST only", only(method="GET")),
        Cannot("it believes only a certificate's issuer and its delegates", only(trust=Trust.LOCAL)),
    ),
    tells_hold=True,
)
_REASONS = {Status.REVOKED: "key_compromise", Status.HOLD: "certificate_hold"}


async def _asked(case: Case, responders: Responders) -> str:
    """Validates the leaf; its status by OCSP must be found out, for there is no CRL."""
    folder = responders.folder(case)
    ca, leaf = (
        x509.Certificate.load(folder.certificate(path).public_bytes(Encoding.DER))
        for path in (folder.ca, responders.leaf(case))
    )
    async with aiohttp.ClientSession() as session:
        fetchers = Fetchers(
            ocsp_fetcher=AIOHttpOCSPFetcher(
                session, certid_hash_algo=case.hash_name, request_nonces=case.nonce
            ),
            crl_fetcher=AIOHttpCRLFetcher(session),
            cert_fetcher=AIOHttpCertificateFetcher(session),
        )
        context = ValidationContext(
            trust_roots=[ca], allow_fetching=True, fetchers=fetchers, revocation_mode="require"
        )
        try:
            await CertificateValidator(leaf, validation_context=context).async_validate_path()
        except RevokedError as error:
            return f"revoked {error.reason.native}"
        except InsufficientRevinfoError as error:
            return f"undetermined: {error}"
    return "good"


@CLIENT.parametrize()
def test_pyhanko_agrees(case: Case, responders: Responders) -> None:
    """Valid, or revoked with its reason; what the responder does not know is undetermined."""
    said = asyncio.run(_asked(case, responders))
    if case.status is Status.UNKNOWN:
        # Were anything wrong with the response itself, it would stand behind the colon.
        assert said.startswith("undetermined: "), said
        assert said.endswith("revocation checks failed: "), said
    else:
        reason = _REASONS.get(case.status)
        assert said == (f"revoked {reason}" if reason else "good")
    responders.check_sent(case)


def test_pyhanko_refuses_a_locally_trusted_answer(responders: Responders) -> None:
    """The comparison can fail: the responder is no delegate of the CA."""
    case = Case(Kind.RSA, Trust.LOCAL, "POST", "sha1", nonce=True, status=Status.GOOD)
    said = asyncio.run(_asked(case, responders))
    assert "signed by an unauthorized certificate" in said, said
