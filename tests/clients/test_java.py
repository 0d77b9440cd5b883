"""Java's PKIXRevocationChecker: GET and POST, SHA-1 CertIDs, with and without a nonce, both trust modes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.cases import Cannot, Case, Client, Kind, Status, Trust, only
from tests.clients.conftest import Responders
from tests.clients.running import Program, started

pytestmark = [pytest.mark.clients, pytest.mark.timeout(120)]

CLIENT = Client(
    "Java PKIXRevocationChecker",
    {"java": "default-jdk"},
    (Cannot("its CertIDs are SHA-1 only (JDK 17)", only(hash_name="sha256")),),
    tells_hold=True,
    version=("java", "-version"),
)
_SOURCE = Path(__file__).with_name("PkixStatus.java")
_NONCE = bytes(range(32)).hex()
_SAYS = {
    Status.GOOD: "good",
    Status.REVOKED: "revoked KEY_COMPROMISE",
    Status.HOLD: "revoked CERTIFICATE_HOLD",
}


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Program]]:
    """One for each method: by default it sends GET where the address stays within 255 octets."""
    log = tmp_path_factory.mktemp("java") / "errors"
    get = ("java", "-Dcom.sun.security.ocsp.useget=true", _SOURCE)
    post = ("java", "-Dcom.sun.security.ocsp.useget=false", _SOURCE)
    with started(*get, log=log) as getting, started(*post, log=log) as posting:
        yield {"GET": getting, "POST": posting}


def _asked(case: Case, responders: Responders, machines: dict[str, Program], trust: Trust) -> str:
    folder = responders.folder(case)
    machine = machines[case.method]
    nonce = _NONCE if case.nonce else "-"
    machine.say(f"{trust} {nonce} {folder.ca} {responders.leaf(case)} {folder.signer(trust)}")
    return machine.line()


@CLIENT.parametrize()
def test_java_agrees(case: Case, responders: Responders, machines: dict[str, Program]) -> None:
    """Valid, or revoked with its reason; what the responder does not know is no valid path."""
    said = _asked(case, responders, machines, case.trust)
    if case.status is Status.UNKNOWN:
        assert said.startswith("UNDETERMINED_REVOCATION_STATUS"), said
    else:
        assert said == _SAYS[case.status]
    responders.check_sent(case)


def test_java_refuses_a_responder_that_is_not_pinned(
    responders: Responders, machines: dict[str, Program]
) -> None:
    """The comparison can fail. (Not the other way: beside a pinned one Java goes on believing delegates.)"""
    case = Case(Kind.RSA, Trust.LOCAL, "GET", "sha1", nonce=False, status=Status.GOOD)
    said = _asked(case, responders, machines, Trust.DELEGATED)
    assert "not authorized to sign OCSP responses" in said, said
