"""NIST PKITS: for each leaf the responder says what the checker says, or says nothing.

The checker sees the certificate, the responder its serial number alone. So it may know less: it never says
good where the checker does not, unless a certificate lies outside the lists though the owner said none does.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import cryptography_vectors
import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509 import ocsp

from platform_api.responder.given import Given
from platform_api.responder.world import World, load
from revocation.checker import Case, check
from revocation.checker.certificates import read_certificate
from revocation.checker.lists import HeldList
from revocation.clock import FixedClock
from revocation.distinguished_names import same_name
from revocation.errors import InputRefused
from revocation.ocsp.policy import TrustMode
from revocation.ocsp.responder import Responder
from tests.pki import der_int, seq, tlv
from tests.responder.worlds import given
from tests.revocation.ocsp_world import algorithm, request

_FILES = Path(cryptography_vectors.__file__).parent
CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "checker" / "pkits.json").read_text(encoding="utf-8")
)
#: Of these it refuses to start, by the rule.
REFUSED = {
    # No list of the leaf's CA, or none that may be taken.
    **dict.fromkeys(("4.4.1", "4.4.5", "4.4.6", "4.14.31", "4.14.32", "4.14.33"), "LIST_MISSING"),
    "4.4.4": "DER_SIGNATURE",
    **dict.fromkeys(("4.4.8", "4.4.9", "4.4.10"), "UNKNOWN_CRITICAL_EXTENSION"),
    **dict.fromkeys(("4.4.11", "4.4.12", "4.15.10"), "NEXT_UPDATE_PASSED"),
    "4.15.1": "DELTA_ALONE",
    "4.14.14": "SCOPE_ATTRIBUTE_CERTIFICATES",
    # A certificate that may not sign both certificates and lists is no CA here.
    **dict.fromkeys(("4.4.19", "4.4.20", "4.4.21", "4.7.4", "4.7.5"), "CA_CERTIFICATE_REFUSED"),
    **dict.fromkeys(("4.5.6", "4.5.7", "4.5.8"), "CA_CERTIFICATE_REFUSED"),
    **dict.fromkeys(("4.14.24", "4.14.25", "4.14.26", "4.14.27", "4.14.30"), "CA_CERTIFICATE_REFUSED"),
}
#: Good to the checker, who sees that the leaf is in the scope of the lists. Here only by the owner's word.
UNSEEN = {
    "4.5.1",
    "4.5.4",
    "4.14.1",
    "4.14.4",
    "4.14.5",
    "4.14.7",
    "4.14.13",
    "4.14.18",
    "4.14.28",
    "4.14.29",
}
#: Each reason is covered at another of the leaf's points: that nobody can know from a CertID.
NEVER_SEEN = {"4.14.19"}
#: Unknown to the checker, who sees that the leaf is outside: of these the owner's word is not true.
OUTSIDE = {"4.14.3", "4.14.8", "4.14.9", "4.14.11", "4.14.12", "4.14.35"}


def wanted(case: dict[str, Any], folder: Path, *, owner_s_word: bool) -> Given:
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
        given(folder, [], {}, all_lists=owner_s_word, newest_signs_all=owner_s_word),
        certificates=tuple(cas),
        lists=tuple(lists),
    )


def _issuer_of(der: bytes) -> bytes | None:
    held = HeldList(der)
    return held.list.issuer if held.is_parsed else None


def said(world: World, case: dict[str, Any], at: datetime) -> str:
    """good, revoked, or unknown where nothing is signed: the OCSP response about the leaf."""
    leaf = read_certificate((_FILES / case["cert"]).read_bytes())
    [issuer] = [
        generation
        for authority in world.authorities
        for generation in authority.generations
        if _issued(case, generation.certificate)
    ]
    name = hashlib.sha256(issuer.subject).digest()
    asked = request(seq(algorithm(), tlv(4, name), tlv(4, issuer.key_id), der_int(leaf.serial)))
    responder = Responder(world.authorities, {TrustMode.LOCAL: world.signers}, FixedClock(at))
    answer = responder.respond(asked, world.snapshot)
    if answer.response_status != "successful":
        return "unknown"
    single = ocsp.load_der_ocsp_response(answer.der)
    assert single.next_update_utc is not None
    assert single.this_update_utc <= at < single.next_update_utc
    return single.certificate_status.name.lower()


def _issued(case: dict[str, Any], issuer: Any) -> bool:
    leaf = x509.load_der_x509_certificate((_FILES / case["cert"]).read_bytes())
    try:
        leaf.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def checked(case: dict[str, Any]) -> str:
    """What the checker says of the leaf itself."""
    found = check(
        Case(
            trust=[(_FILES / name).read_bytes() for name in case["trust"]],
            intermediates=[(_FILES / name).read_bytes() for name in case["intermediates"]],
            lists=[(_FILES / name).read_bytes() for name in case["crls"]],
            certificate=(_FILES / case["cert"]).read_bytes(),
            at=datetime.fromisoformat(case["at"]),
        )
    ).findings
    return found[0].status if found else "unknown"


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@pytest.mark.parametrize("owner_s_word", [False, True], ids=["alone", "owner's word"])
@pytest.mark.parametrize("case", CASES, ids=[case["test"] for case in CASES])
def test_pkits(case: dict[str, Any], owner_s_word: bool, tmp_path: Path) -> None:
    """Refused by the expected rule, or the checker's word, or less."""
    at, number = datetime.fromisoformat(case["at"]), case["test"]
    asked = wanted(case, tmp_path, owner_s_word=owner_s_word)
    if number in REFUSED:
        with pytest.raises(InputRefused) as caught:
            load(asked, FixedClock(at))
        assert caught.value.code == REFUSED[number]
        return
    ours, theirs = said(load(asked, FixedClock(at)), case, at), checked(case)
    if number in NEVER_SEEN or (number in UNSEEN and not owner_s_word):
        assert (ours, theirs) == ("unknown", "good")
    elif number in OUTSIDE and owner_s_word:
        assert (ours, theirs) == ("good", "unknown")
    else:
        assert ours == theirs
