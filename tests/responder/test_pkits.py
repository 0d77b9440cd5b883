"""NIST PKITS: for each leaf the responder says what the checker says, or says nothing.

The checker sees the certificate, the responder its serial number alone. So it may know less: it never says
good where the checker does not, unless the certificate lies outside the lists though the owner said none does.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import cryptography_vectors
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import ocsp

from platform_api.responder.given import Given
from platform_api.responder.world import World, load
from revocation.checker import Case, check
from revocation.checker.certificates import read_certificate
from revocation.clock import FixedClock
from revocation.distinguished_names import same_name
from revocation.errors import InputRefused
from revocation.identity import CertificateIdentity
from revocation.status import certificate_status
from tests.responder.worlds import given

_FILES = Path(cryptography_vectors.__file__).parent
CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "checker" / "pkits.json").read_text(encoding="utf-8")
)
#: What the responder makes of the leaf, without the owner's word and with it, where that is not what the
#: checker says; a code where it refuses to start.
LESS = {
    # No list of the CA, or none that may be taken.
    **dict.fromkeys(("4.4.1", "4.4.5", "4.4.6"), "LIST_MISSING"),
    "4.4.4": "DER_SIGNATURE",
    **dict.fromkeys(("4.4.8", "4.4.9", "4.4.10"), "UNKNOWN_CRITICAL_EXTENSION"),
    **dict.fromkeys(("4.4.11", "4.4.12"), "NEXT_UPDATE_PASSED"),
    "4.15.1": "DELTA_ALONE",
    "4.14.14": "SCOPE_ATTRIBUTE_CERTIFICATES",
    # A certificate that may not sign both certificates and lists is no CA here.
    **dict.fromkeys(("4.4.19", "4.4.20", "4.4.21", "4.7.4", "4.7.5"), "CA_CERTIFICATE_REFUSED"),
    **dict.fromkeys(("4.14.24", "4.14.25", "4.14.26", "4.14.27", "4.14.30"), "CA_CERTIFICATE_REFUSED"),
}


def wanted(case: dict[str, Any], folder: Path, *, all_lists: bool) -> Given:
    """The CA that issued the leaf with its keys, and the lists that are its own."""
    leaf = read_certificate((_FILES / case["cert"]).read_bytes())
    cas = [
        _FILES / name
        for name in (*case["trust"], *case["intermediates"])
        if same_name(read_certificate((_FILES / name).read_bytes()).subject, leaf.issuer)
    ]
    lists = [
        _FILES / name
        for name in case["crls"]
        if _issuer_of((_FILES / name).read_bytes()) is None
        or same_name(_issuer_of((_FILES / name).read_bytes()) or b"", leaf.issuer)
    ]
    return replace(
        given(folder, [], {}, all_lists=all_lists, newest_signs_all=False),
        certificates=tuple(cas),
        lists=tuple(lists),
    )


def _issuer_of(der: bytes) -> bytes | None:
    from revocation.checker.lists import HeldList

    held = HeldList(der)
    return held.list.issuer if held.is_parsed else None


def said(world: World, case: dict[str, Any], at: datetime) -> str:
    """good, revoked or unknown, by the key that issued the leaf."""
    leaf = read_certificate((_FILES / case["cert"]).read_bytes())
    found = set()
    for authority in world.authorities:
        for generation in authority.generations:
            identity = CertificateIdentity(authority.ca_id, generation.key_id, leaf.serial)
            status = certificate_status(
                identity, authorities=world.authorities, snapshot=world.snapshot, now=at
            ).status
            try:
                leaf_stands = _issued(case, generation.certificate)
            except ValueError:
                leaf_stands = False
            if leaf_stands:
                found.add({"GOOD": "good", "REVOKED": "revoked", "ON_HOLD": "revoked"}.get(status, "unknown"))
    assert len(found) == 1
    return found.pop()


def _issued(case: dict[str, Any], issuer: Any) -> bool:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature

    leaf = x509.load_der_x509_certificate((_FILES / case["cert"]).read_bytes())
    try:
        leaf.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@pytest.mark.parametrize("all_lists", [False, True], ids=["", "all-lists"])
@pytest.mark.parametrize("case", CASES, ids=[case["test"] for case in CASES])
def test_pkits(case: dict[str, Any], all_lists: bool, tmp_path: Path) -> None:
    """Refused by the expected rule, or the checker's word, or unknown."""
    at = datetime.fromisoformat(case["at"])
    verdict = check(
        Case(
            trust=[(_FILES / name).read_bytes() for name in case["trust"]],
            intermediates=[(_FILES / name).read_bytes() for name in case["intermediates"]],
            lists=[(_FILES / name).read_bytes() for name in case["crls"]],
            certificate=(_FILES / case["cert"]).read_bytes(),
            at=at,
        )
    ).findings
    checked = verdict[0].status if verdict else "unknown"
    try:
        world = load(wanted(case, tmp_path, all_lists=all_lists), FixedClock(at))
    except InputRefused as error:
        print("REFUSED", case["test"], error.code, checked)
        assert error.code == LESS.get(case["test"])
        return
    ours = said(world, case, at)
    print("SAID", case["test"], ours, checked, world.cas)
    assert ours == checked
