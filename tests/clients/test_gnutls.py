"""GnuTLS ``ocsptool --ask``: POST with a SHA-1 CertID, with and without a nonce, in both trust modes."""

from __future__ import annotations

import pytest

from tests.clients.cases import Cannot, Case, Client, Kind, Status, Trust, only
from tests.clients.conftest import Responders
from tests.clients.running import Done, run

pytestmark = [pytest.mark.clients, pytest.mark.timeout(60)]

CLIENT = Client(
    "GnuTLS ocsptool",
    {"ocsptool": "gnutls-bin"},
    (
        Cannot("it sends POST only", only(method="GET")),
        Cannot("its CertIDs are SHA-1 only", only(hash_name="sha256")),
    ),
    version=("ocsptool", "--version"),
)


def _asked(case: Case, responders: Responders, trust: Trust) -> Done:
    folder = responders.folder(case)
    subject = ["--load-cert", responders.leaf(case), "--load-issuer", folder.ca]
    trusts = ["--load-signer", folder.signer(trust)] if trust is Trust.LOCAL else ["--load-trust", folder.ca]
    nonce = ["--nonce"] if case.nonce else []
    return run("ocsptool", f"--ask={responders.url(case)}", *subject, *trusts, *nonce)


@CLIENT.parametrize()
def test_gnutls_agrees(case: Case, responders: Responders) -> None:
    """Exit code 0, verified, the status; with a nonce it compares them."""
    done = _asked(case, responders, case.trust)
    assert done.code == 0, done.output
    assert "Verifying OCSP Response: Success." in done.output, done.output
    word = "revoked" if case.status is Status.HOLD else case.status
    assert f"Certificate Status: {word}\n" in done.output, done.output
    responders.check_sent(case)


@pytest.mark.parametrize("trust", list(Trust))
def test_gnutls_refuses_the_other_mode(trust: Trust, responders: Responders) -> None:
    """The comparison can fail: each mode's answer is refused by a client that trusts the other way."""
    case = Case(Kind.RSA, trust, "POST", "sha1", nonce=True, status=Status.GOOD)
    done = _asked(case, responders, next(each for each in Trust if each is not trust))
    assert done.code == 1, done.output
    assert "Verifying OCSP Response: Failure" in done.output, done.output
