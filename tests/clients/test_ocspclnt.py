"""NSS ``ocspclnt``: SHA-1 CertID, no nonce; GET to the certificate's address, POST to a pinned responder.

To a responder that it is told of it adds a serviceLocator to the CertID (RFC 6960 section 4.4.6).
"""

from __future__ import annotations

import pytest

from tests.clients.cases import Cannot, Case, Client, Kind, Status, Trust, only
from tests.clients.conftest import Responders
from tests.clients.nss import databases
from tests.clients.running import run

pytestmark = [pytest.mark.clients, pytest.mark.timeout(60)]

CLIENT = Client(
    "NSS ocspclnt",
    {"ocspclnt": "libnss3-tools", "certutil": "libnss3-tools"},
    (
        Cannot("to a pinned responder it sends POST", only(trust=Trust.LOCAL, method="GET")),
        Cannot("its CertIDs are SHA-1 only", only(hash_name="sha256")),
        Cannot("it sends no nonce", only(nonce=True)),
    ),
)
_SAYS = {
    Status.REVOKED: "Peer's Certificate has been revoked.",
    Status.HOLD: "Peer's Certificate has been revoked.",
    Status.UNKNOWN: "The OCSP server has no status for the certificate.",
}


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory, responders: Responders) -> dict[Kind, str]:
    return databases(tmp_path_factory.mktemp("nss"), responders.folders)


def _asked(case: Case, responders: Responders, known: dict[Kind, str]) -> str:
    """By POST it is told whom to ask and whom to believe; both must be said together."""
    told = ["-l", responders.url(case), "-t", case.trust] if case.method == "POST" else []
    return run(
        "ocspclnt", "-V", responders.leaf(case), "-d", known[case.kind], "-u", "c", *told
    ).output.strip()


@CLIENT.parametrize()
def test_ocspclnt_agrees(case: Case, responders: Responders, known: dict[Kind, str]) -> None:
    """It names the certificate's status; by GET it asks about an unknown one a second time, by POST."""
    said = _asked(case, responders, known)
    if case.status is Status.GOOD:
        assert said.endswith(" succeeded."), said
    else:
        assert said.endswith(_SAYS[case.status]), said
    responders.check_sent(
        case, then="POST" if case.status is Status.UNKNOWN and case.method == "GET" else None
    )


def test_ocspclnt_refuses_a_responder_that_is_not_pinned(
    responders: Responders, known: dict[Kind, str]
) -> None:
    """The comparison can fail: good, said by one who is no delegate, is not believed."""
    case = Case(Kind.RSA, Trust.LOCAL, "GET", "sha1", nonce=False, status=Status.GOOD)
    said = _asked(case, responders, known)
    assert "OCSP" in said, said
    assert "succeeded" not in said, said
