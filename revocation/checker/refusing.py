"""What the checker refuses, by rule: each with the section that asks it, and a fixed rank.

Of many reasons why no list speaks for a certificate one is told: that of the list which came furthest through
the steps of RFC 5280 section 6.3.3. The ranks are the order of the steps.
"""

from __future__ import annotations

from typing import Final

from revocation.errors import InputRefused

#: By code: the section, and for rules of lists in the order in which they are asked.
SECTIONS: Final[dict[str, str]] = {
    # Certificates and their paths.
    "CERTIFICATE_MALFORMED": "RFC 5280 section 4.1",
    "PATH_NO_ANCHOR": "RFC 5280 section 6.1.1 (d)",
    "PATH_NO_ISSUER": "RFC 5280 section 6.1.3 (a) (4)",
    "PATH_SIGNATURE": "RFC 5280 section 6.1.3 (a) (1)",
    "PATH_ALGORITHM_MISMATCH": "RFC 5280 section 4.1.1.2",
    "PATH_CRITICAL_EXTENSION": "RFC 5280 section 6.1.4 (o)",
    "PATH_NOT_A_CA": "RFC 5280 section 6.1.4 (k)",
    "PATH_NO_KEY_CERT_SIGN": "RFC 5280 section 6.1.4 (n)",
    "PATH_DATES": "RFC 5280 section 6.1.3 (a) (2)",
    "PATH_LENGTH": "RFC 5280 section 6.1.4 (l)",
    "PATH_TOO_LONG": "RFC 5280 section 6.1",
    "PATH_TOO_COMPLEX": "RFC 5280 section 6.1",
    "CERTIFICATE_EXPIRED": "RFC 5280 section 6.1.3 (a) (2)",
    "CERTIFICATE_NOT_YET_VALID": "RFC 5280 section 6.1.3 (a) (2)",
    "CERTIFICATE_POINTS_MALFORMED": "RFC 5280 section 4.2.1.13",
    # Lists, in the order of the steps.
    "NO_LIST": "RFC 5280 section 6.3.3 (a)",
    "ISSUER_UNKNOWN": "RFC 5280 section 6.3.3 (b) (1)",
    "ISSUER_NOT_INDIRECT": "RFC 5280 section 6.3.3 (b) (1)",
    "SCOPE_MISMATCH": "RFC 5280 section 6.3.3 (b) (2) (i)",
    "SCOPE_NO_USER_CERTIFICATES": "RFC 5280 section 6.3.3 (b) (2) (iii)",
    "SCOPE_NO_CA_CERTIFICATES": "RFC 5280 section 6.3.3 (b) (2) (ii)",
    "SCOPE_ATTRIBUTE_CERTIFICATES": "RFC 5280 section 6.3.3 (b) (2) (iv)",
    "DELTA_ALONE": "RFC 5280 section 6.3.3 (c)",
    "ALGORITHM_MISMATCH": "RFC 5280 section 5.1.1.2",
    "DER_SIGNATURE": "RFC 5280 section 5.1.1.3",
    "ALGORITHM_UNKNOWN": "RFC 5280 section 5.1.1.2",
    "ALGORITHM_WEAK": "RFC 6151, RFC 9155",
    "SIGNATURE_INVALID": "RFC 5280 section 6.3.3 (g)",
    "SIGNER_NOT_ALLOWED": "RFC 5280 section 6.3.3 (f)",
    "SIGNER_NO_PATH": "RFC 5280 section 6.3.3 (f)",
    "SIGNER_NOT_GOOD": "RFC 5280 section 6.3.3 (f)",
    "UNKNOWN_CRITICAL_EXTENSION": "RFC 5280 sections 5.2 and 5.3",
    "INDIRECT_NOT_SUPPORTED": "RFC 5280 section 5.3.3",
    "KNOWN_EXTENSION_CRITICAL": "RFC 5280 sections 5.2.1 and 5.2.3",
    "CRL_NUMBER_MISSING": "RFC 5280 section 5.2.3",
    "THIS_UPDATE_IN_FUTURE": "RFC 5280 section 5.1.2.4",
    "NEXT_UPDATE_MISSING": "RFC 5280 section 5.1.2.5",
    "NEXT_UPDATE_BEFORE_THIS_UPDATE": "RFC 5280 section 5.1.2.5",
    "NEXT_UPDATE_PASSED": "RFC 5280 section 6.3.3 (a)",
    "REASONS_NOT_COVERED": "RFC 5280 section 6.3.3 (d), (e)",
    "HOLD_LAPSED": "RFC 5280 section 6.3.3 (a)",
    "TOO_COMPLEX": "RFC 5280 section 6.1",
}
_RANKS: Final = {code: rank for rank, code in enumerate(SECTIONS)}


def refusal(code: str, expected: str, got: str, remedy: str) -> InputRefused:
    """By a code of this table."""
    return InputRefused(code, expected=expected, got=got, remedy=remedy)


def too_complex(code: str = "TOO_COMPLEX") -> InputRefused:
    """More certificates than it can take to decide anything: then nothing is decided."""
    return refusal(code, "fewer certificates and signers of lists", "too many", "give only what is needed")


def section(code: str) -> str:
    """Where the rule stands; what is no strict DER breaks the rules of the list's form."""
    return SECTIONS.get(code, "RFC 5280 section 5.1")


def rank(code: str) -> int:
    """How far a list came; one that cannot be read came nowhere."""
    return _RANKS.get(code, -1)


def sentence(error: InputRefused) -> str:
    """Rule, section, and what was expected and got. It holds no serial and no name."""
    return f"{error.code} ({section(error.code)}): expected {error.expected}; got {error.got}; {error.remedy}"
