"""``openssl ocsp``: both methods, both hashes, with and without a nonce, in both trust modes."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.clients.cases import Case, Client, Kind, Status, Trust
from tests.clients.conftest import Responders
from tests.clients.running import Done, run

pytestmark = [pytest.mark.clients, pytest.mark.timeout(60)]

CLIENT = Client(
    "openssl ocsp",
    {"openssl": "openssl", "curl": "curl"},
    (),
    tells_hold=True,
    version=("openssl", "version"),
)


def _asks(case: Case, responders: Responders) -> list[object]:
    """Who is asked about; the hash comes first, or OpenSSL refuses the line."""
    folder = responders.folder(case)
    nonce = "-nonce" if case.nonce else "-no_nonce"
    return [f"-{case.hash_name}", "-issuer", folder.ca, "-cert", responders.leaf(case), nonce]


def _trusts(case: Case, responders: Responders, trust: Trust) -> list[object]:
    folder = responders.folder(case)
    return ["-VAfile", folder.signer(trust)] if trust is Trust.LOCAL else ["-CAfile", folder.ca]


def _asked(case: Case, responders: Responders, folder: Path, trust: Trust) -> Done:
    """It speaks POST itself; for GET it writes the request, curl carries it, and it reads the response.

    With the request before it, it compares the nonces.
    """
    asks, trusts = _asks(case, responders), _trusts(case, responders, trust)
    if case.method == "POST":
        return run("openssl", "ocsp", *asks, *trusts, "-url", responders.url(case))
    request, response = folder / "request.der", folder / "response.der"
    run("openssl", "ocsp", *asks, "-reqout", request)
    text = quote(b64encode(request.read_bytes()).decode(), safe="")
    run("curl", "-sS", "--max-time", "10", "-o", response, f"{responders.url(case)}/{text}")
    # With -cert beside -reqin it would ask, and look for a nonce, a second time; so it prints the response.
    return run("openssl", "ocsp", "-reqin", request, "-respin", response, "-resp_text", *trusts)


def _said(case: Case, path: Path) -> tuple[str, str | None]:
    """The two lines with which it tells status and reason."""
    word = "revoked" if case.status is Status.HOLD else case.status
    reason = {Status.HOLD: "certificateHold", Status.REVOKED: "keyCompromise"}.get(case.status)
    if case.method == "POST":
        return f"{path}: {word}\n", reason and f"\tReason: {reason}\n"
    return f"Cert Status: {word}\n", reason and f"Revocation Reason: {reason} ("


@CLIENT.parametrize()
def test_openssl_agrees(case: Case, responders: Responders, tmp_path: Path) -> None:
    """Exit code 0, verified, the status and its reason, and no WARNING beside: it prints OK with those."""
    done = _asked(case, responders, tmp_path, case.trust)
    assert done.code == 0, done.output
    assert "Response verify OK" in done.output
    assert not any(bad in done.output.upper() for bad in ("WARNING", "ERROR")), done.output
    status, reason = _said(case, responders.leaf(case))
    assert status in done.output, done.output
    assert (reason in done.output) if reason else ("Reason:" not in done.output), done.output
    responders.check_sent(case)


@pytest.mark.parametrize("trust", list(Trust))
def test_openssl_refuses_the_other_mode(trust: Trust, responders: Responders, tmp_path: Path) -> None:
    """The comparison can fail: each mode's answer is refused by a client that trusts the other way."""
    case = Case(Kind.RSA, trust, "POST", "sha1", nonce=True, status=Status.GOOD)
    other = next(each for each in Trust if each is not trust)
    done = _asked(case, responders, tmp_path, other)
    assert done.code != 0
    assert "Response Verify Failure" in done.output
