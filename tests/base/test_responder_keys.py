"""Delegated responder certificates of a data folder: several in one file sign each in its time."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from platform_api.key_files import secret_folder, write_secret_once
from platform_api.responder_keys import stored_signers
from revocation.ocsp.signing import DelegatedSigners
from tests import pki
from tests.revocation.ocsp_world import NOW
from tests.revocation.sets import DAY, ca, world
from tests.revocation.signer_certificates import certificate

KEY, OTHER = pki.key("p256", 60), pki.key("p256", 61)


def test_the_next_certificate_stands_behind_the_present_one(tmp_path: Path) -> None:
    """The new one takes over when its time has come; a certificate of another key is left out."""
    first = ca().generations[0]
    old = certificate(KEY, first, start=NOW - 20 * DAY, life=21 * DAY)
    new = certificate(KEY, first, start=NOW + DAY / 2, life=20 * DAY)
    foreign = certificate(OTHER, first, start=NOW - DAY)
    folder = tmp_path / "delegated"
    secret_folder(folder)
    write_secret_once(
        folder / "responder.pem", KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    together = b"".join(each.public_bytes(Encoding.PEM) for each in (old, foreign, new))
    (folder / f"{first.key_id.hex()}.crt").write_bytes(together)
    (folder / f"{'00' * 32}.crt").write_bytes(foreign.public_bytes(Encoding.PEM))
    found = stored_signers(folder)
    assert list(found) == [first.key_id]
    signers = DelegatedSigners(found)
    generation = world()[1].generations[0]
    signing = [signers.identity_for(generation, NOW + at) for at in (timedelta(0), DAY)]
    assert [each.certificate for each in signing if each] == [old, new]
