"""Rules for taking in a CA that the library does not know: live or sandbox, kinds, compared fingerprints."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, Literal

from cryptography import x509
from cryptography.x509.oid import NameOID

from platform_api.faults import UsageRefused
from platform_api.institutions.model import KINDS
from revocation.authorities import POLICY_OID, Authority, Generation
from revocation.errors import InputRefused

Mode = Literal["sandbox", "live"]

#: Policy OIDs of J-LIS's test hierarchy have 0 where the real ones have 1 (jpki.md section 1.1).
_TEST_POLICIES: Final = "1.2.392.200149.8.5.1.0."
#: O of the test hierarchy, of our sandbox, and of mocks known in the field.
_TEST_ORGANIZATION: Final = re.compile(r"(?i)(?<![a-z])(?:test|mock|sandbox|demo)(?![a-z])")
_FINGERPRINT: Final = re.compile(r"[0-9a-f]{64}\Z")


def require_compared(generations: Iterable[Generation], fingerprints: Iterable[str]) -> None:
    """Each new key was read elsewhere: its certificate's SHA-256 is among the given ones, and no other is.

    Files come over networks; the fingerprint that the CA prints in its gazette does not.
    """
    given = {_fingerprint(text) for text in fingerprints}
    found = {generation.certificate_sha256.hex() for generation in generations}
    if not given:
        raise InputRefused(
            "FINGERPRINT_REQUIRED",
            expected="--fingerprint SHA256 of each new CA certificate, read elsewhere than in the file",
            got="none",
            remedy="compare what the CA publishes with: openssl x509 -noout -fingerprint -sha256 -in FILE",
        )
    if given != found:
        raise InputRefused(
            "FINGERPRINT_MISMATCH",
            expected="the fingerprints of exactly these certificates",
            got="another one" if given - found else "one for some of them only",
            remedy="do not go on: get the certificate and its fingerprint from the CA anew, by two ways",
        )


def _fingerprint(text: str) -> str:
    """As OpenSSL and gazettes print it: either case, with or without colons and spaces."""
    plain = re.sub(r"[\s:]", "", text).lower()
    if not _FINGERPRINT.match(plain):
        raise UsageRefused(
            "FINGERPRINT_MALFORMED",
            expected="a SHA-256 fingerprint: 64 hexadecimal digits, with or without colons",
            got="another text",
            remedy="a SHA-1 fingerprint (40 digits) proves nothing any more; ask for SHA-256",
        )
    return plain


def require_real(authority: Authority) -> None:
    """A live service accepts no test CA: anybody may hold a test card of anybody."""
    marks = [kind for kind in authority.kinds if kind.startswith(_TEST_POLICIES)]
    if marks or any(is_test(generation.certificate) for generation in authority.generations):
        raise InputRefused(
            "AUTHORITY_IS_TEST",
            expected="a CA of real certificates, because the mode is live",
            got=f"{authority.ca_id}, which calls itself a test (by organization name or policy OID)",
            remedy="keep it in a data folder of its own with JPKI_MODE=sandbox; where it is taken in "
            "already, a live service begins in a new folder (--data), with the real CAs",
        )


def require_mode(mode: Mode, authorities: Iterable[Authority]) -> None:
    """The same of all that are loaded: the folder may come from a sandbox, or the mode have changed."""
    if mode == "live":
        for authority in authorities:
            require_real(authority)


def is_test(certificate: x509.Certificate) -> bool:
    """Does its subject's organization call itself a test?"""
    names = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return any(_TEST_ORGANIZATION.search(str(name.value)) for name in names)


def kinds_from(given: Iterable[str]) -> Mapping[str, str]:
    """``OID=KIND`` as options say it."""
    found: dict[str, str] = {}
    for text in given:
        oid, _, kind = text.partition("=")
        if kind not in KINDS or oid in found or not POLICY_OID.match(oid):
            raise UsageRefused(
                "KIND_MALFORMED",
                expected=f"OID=KIND, each OID once, with a kind among {', '.join(sorted(KINDS))}",
                got="another text",
                remedy="for example: --kind 1.2.392.200149.8.5.1.1.20=card-sign",
            )
        found[oid] = kind
    return found


def require_allowed(
    mode: Mode,
    authority: Authority,
    added: Iterable[Generation],
    fingerprints: Iterable[str],
) -> None:
    """In live mode every rule; in the sandbox a given fingerprint is compared all the same."""
    if mode == "live":
        require_real(authority)
    if mode == "live" or list(fingerprints):
        require_compared(added, fingerprints)
