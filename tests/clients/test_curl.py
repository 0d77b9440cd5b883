"""``curl --cert-status``: it verifies the OCSP response that a TLS server staples.

The server is ``openssl s_server -status_url``, which asks our responder anew at each handshake: POST, SHA-1,
no nonce. What nginx staples by GET, see the test of nginx.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.cases import Cannot, Case, Client, Kind, Status, Trust, only
from tests.clients.conftest import Responders
from tests.clients.nginx import free_port, trusted_for
from tests.clients.running import run, started

pytestmark = [pytest.mark.clients, pytest.mark.timeout(60)]

CLIENT = Client(
    "curl --cert-status",
    {"curl": "curl", "openssl": "openssl"},
    (
        Cannot("its stapler, openssl s_server, sends POST only", only(method="GET")),
        Cannot("its stapler's CertIDs are SHA-1 only, and it looks for no other", only(hash_name="sha256")),
        Cannot("its stapler sends no nonce", only(nonce=True)),
    ),
    tells_hold=True,
    version=("curl", "--version"),
)
_SAYS = {Status.GOOD: "good (0)", Status.UNKNOWN: "unknown (2)"} | dict.fromkeys(
    (Status.REVOKED, Status.HOLD), "revoked (1)"
)
_REASONS = {Status.REVOKED: "keyCompromise (1)", Status.HOLD: "certificateHold (6)"}


def _asked(case: Case, responders: Responders, folder: Path, trusted: Path) -> tuple[int, str]:
    """curl's exit code and what it wrote."""
    files = responders.folder(case)
    port = free_port()
    chain = ["-cert", responders.leaf(case), "-key", files.leaf_key(case.status, case.trust)]
    chain += ["-cert_chain", files.ca, "-CAfile", files.ca]  # curl looks for the issuer among what is sent
    staple = ["-status", "-status_verbose", "-status_url", responders.url(case)]
    with started(
        "openssl", "s_server", "-accept", f"127.0.0.1:{port}", *chain, *staple, "-www", log=folder / "server"
    ) as server:
        while server.line() != "ACCEPT":
            pass
        host = files.host(case.status, case.trust)
        options = ["-sS", "-v", "-o", folder / "page", "--max-time", "10", "--cert-status"]
        where = ["--resolve", f"{host}:{port}:127.0.0.1", f"https://{host}:{port}/"]
        done = run("curl", *options, "--cacert", trusted, *where)
    return done.code, done.output


@CLIENT.parametrize()
def test_curl_agrees(case: Case, responders: Responders, tmp_path: Path) -> None:
    """Good: the page comes. Otherwise CURLE_SSL_INVALIDCERTSTATUS (91), the status and its reason."""
    trusted = trusted_for(responders.folder(case), case.trust)
    code, output = _asked(case, responders, tmp_path, trusted)
    assert code == (0 if case.status is Status.GOOD else 91), output
    assert f"SSL certificate status: {_SAYS[case.status]}\n" in output, output
    if case.status in _REASONS:
        assert f"SSL certificate revocation reason: {_REASONS[case.status]}" in output, output
    responders.check_sent(case)


def test_curl_refuses_a_responder_that_is_not_pinned(responders: Responders, tmp_path: Path) -> None:
    """The comparison can fail: good, said by one whom it does not trust, is refused."""
    case = Case(Kind.RSA, Trust.LOCAL, "POST", "sha1", nonce=False, status=Status.GOOD)
    code, output = _asked(case, responders, tmp_path, responders.folder(case).ca)
    assert code == 91, output
    assert "OCSP response verification failed" in output
