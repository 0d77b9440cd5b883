"""Signatures of OCSP requests (RFC 6960 section 4.1.2) as the settings want them, on both routes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from platform_api.config import load_settings
from platform_api.faults import SetupRefused
from platform_api.ocsp.policy_fields import responder_policy
from revocation.ocsp.policy import ResponderPolicy, SignedRequests
from tests import pki
from tests.features.ocsp_face import FAST, ORDINARY
from tests.features.ocsp_routes import ERRORS, both_running, get, post, said_by_both
from tests.revocation.ocsp_world import cert_id, request
from tests.revocation.sets import DAY
from tests.revocation.signed_requests import by, signed
from tests.revocation.signer_certificates import certificate

CLIENT, STRANGER = pki.key("p256", 63), pki.key("p256", 64)
SIG_REQUIRED = bytes.fromhex("30030a0105")
OURS = signed(by(CLIENT, "ecdsa-with-SHA256", hashes.SHA256()))
THEIRS = signed(by(STRANGER, "ecdsa-with-SHA256", hashes.SHA256()))
UNSIGNED = request(cert_id(9))
#: What each answer is by policy: None for one with a status in it.
EXPECTED = {
    "ignore": (None, None, None),
    "verify": (None, ERRORS["unauthorized"], None),
    "require": (None, ERRORS["unauthorized"], SIG_REQUIRED),
}


def requestors(folder: Path) -> Path:
    path = folder / "requestors.pem"
    path.write_bytes(certificate(CLIENT, subject="client", life=900 * DAY).public_bytes(Encoding.PEM))
    return path


def settings(folder: Path, word: str) -> dict[str, Any]:
    pinned = None if word == "ignore" else requestors(folder)
    return {"data_dir": folder, "ocsp_signed_requests": word, "ocsp_requestors": pinned}


def policy_of(folder: Path, word: str) -> ResponderPolicy:
    return responder_policy(load_settings(**settings(folder, word)))


@pytest.mark.parametrize("word", EXPECTED)
def test_the_setting_decides_what_a_signature_is_worth(tmp_path: Path, word: str) -> None:
    """Ours, a stranger's and none, by POST and GET, twice and after an unsigned good answer was asked for:
    both routes say what the policy says, and memory never answers for the signature."""
    policy = policy_of(tmp_path, word)
    chosen = {"signed_requests": policy.signed_requests, "requestors": policy.requestors}
    with both_running(tmp_path, policy=chosen) as running:
        for turn in range(2):
            for body, expected in zip((OURS, THEIRS, UNSIGNED), EXPECTED[word], strict=True):
                for sent in (post(body), get(body)):
                    said = running.run(said_by_both(running.faces, [sent]))
                    assert said[FAST] == said[ORDINARY]
                    [octets] = said[FAST][0]
                    body_said = octets.partition(b"\r\n\r\n")[2]
                    if expected is None:
                        assert ocsp.load_der_ocsp_response(body_said).serial_number == 9, turn
                    else:
                        assert body_said == expected, turn


def test_settings_become_the_policy(tmp_path: Path) -> None:
    """Each of the OCSP policy's settings arrives; the default looks at no signature."""
    assert responder_policy(load_settings(data_dir=tmp_path)).signed_requests is SignedRequests.IGNORE
    made = policy_of(tmp_path, "require")
    assert made.signed_requests is SignedRequests.REQUIRE
    assert [each.subject for each in made.requestors] == [certificate(CLIENT, subject="client").subject]


@pytest.mark.parametrize("given", [{"ocsp_signed_requests": "verify"}, {"ocsp_requestors": Path("x.pem")}])
def test_one_without_the_other_is_refused(tmp_path: Path, given: dict[str, Any]) -> None:
    """To verify by nobody's certificate, and certificates that nobody looks at, are mistakes."""
    with pytest.raises(SetupRefused) as refused:
        load_settings(data_dir=tmp_path, **given)
    assert "ocsp_requestors goes with ocsp_signed_requests" in str(refused.value)


@pytest.mark.parametrize(
    "octets", [None, b"", b"garbage", b"x" * (256 * 1024 + 1)], ids=["missing", "empty", "garbage", "long"]
)
def test_a_file_without_certificates_is_refused_at_the_start(tmp_path: Path, octets: bytes | None) -> None:
    """Never a responder that verifies by no certificate, nor by a part of the file."""
    path = tmp_path / "bad.pem"
    if octets is not None:
        path.write_bytes(octets)
    chosen = load_settings(data_dir=tmp_path, ocsp_signed_requests="verify", ocsp_requestors=path)
    with pytest.raises(SetupRefused) as refused:
        responder_policy(chosen)
    assert refused.value.code == "SETTING_REFUSED"
    assert "ocsp_requestors" in str(refused.value)
    assert "bad.pem" not in str(refused.value)
