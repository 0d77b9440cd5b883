"""The npm package ``ocsp``: POST with a SHA-1 CertID and a nonce, RSA only, in both trust modes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.cases import Cannot, Case, Client, Kind, Status, Trust, only
from tests.clients.conftest import Responders
from tests.clients.running import run

pytestmark = [pytest.mark.clients, pytest.mark.timeout(60)]

_FOLDER = Path(__file__).with_name("npm")
CLIENT = Client(
    "npm ocsp",
    {"node": "nodejs"},
    (
        Cannot("it sends POST only", only(method="GET")),
        Cannot("its CertIDs are SHA-1 only", only(hash_name="sha256")),
        Cannot("it always sends a nonce", only(nonce=False)),
        Cannot("it verifies RSA signatures only", only(kind=Kind.P256)),
    ),
    package=(_FOLDER / "node_modules" / "ocsp", "npm ci --prefix tests/clients/npm"),
    version=("node", "--version"),
)


def _asked(case: Case, responders: Responders, trust: Trust) -> str:
    folder = responders.folder(case)
    program = ["node", "--no-deprecation", _FOLDER / "check.js"]
    return run(*program, trust, folder.ca, responders.leaf(case), folder.signer(trust)).output.strip()


@CLIENT.parametrize()
def test_npm_agrees(case: Case, responders: Responders) -> None:
    """It verifies signature and CertID and tells the status; the nonce it does not compare, so we do."""
    word = "revoked" if case.status is Status.HOLD else case.status
    said = _asked(case, responders, case.trust)
    assert said == ("good" if case.status is Status.GOOD else f"OCSP Status: {word}"), said
    responders.check_sent(case)


@pytest.mark.parametrize("trust", list(Trust))
def test_npm_refuses_the_other_mode(trust: Trust, responders: Responders) -> None:
    """The comparison can fail: each mode's answer is refused by a client that trusts the other way."""
    case = Case(Kind.RSA, trust, "POST", "sha1", nonce=True, status=Status.GOOD)
    said = _asked(case, responders, next(each for each in Trust if each is not trust))
    assert "Invalid signature" in said, said
