"""CRLReason (RFC 5280 section 5.3.1) and what each code means in JPKI (CPS 4.9.9)."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class CRLReason(IntEnum):
    """RFC 5280 section 5.3.1; 7 is not used."""

    unspecified = 0
    key_compromise = 1
    ca_compromise = 2
    affiliation_changed = 3
    superseded = 4
    cessation_of_operation = 5
    certificate_hold = 6
    remove_from_crl = 8
    privilege_withdrawn = 9
    aa_compromise = 10


#: Raw byte for "the list gave no reasonCode"; RFC 5280 section 5.3.1 reads absence as unspecified.
REASON_ABSENT: Final = 0xFF

#: JSON API spelling, as OpenSSL and RFC 5280 print it.
RFC_NAME: Final[dict[int, str]] = {
    CRLReason.unspecified: "unspecified",
    CRLReason.key_compromise: "keyCompromise",
    CRLReason.ca_compromise: "cACompromise",
    CRLReason.affiliation_changed: "affiliationChanged",
    CRLReason.superseded: "superseded",
    CRLReason.cessation_of_operation: "cessationOfOperation",
    CRLReason.certificate_hold: "certificateHold",
    CRLReason.remove_from_crl: "removeFromCRL",
    CRLReason.privilege_withdrawn: "privilegeWithdrawn",
    CRLReason.aa_compromise: "aACompromise",
}

#: What J-LIS says each code means (CPS 4.9.9, both CAs), for people.
JPKI_MEANING: Final[dict[int, str]] = {
    CRLReason.unspecified: "交付前に破棄した",
    CRLReason.key_compromise: "利用者の秘密鍵が危殆化した",
    CRLReason.ca_compromise: "CAの秘密鍵が危殆化した",
    CRLReason.affiliation_changed: "証明書の記載内容に変更が生じた",
    CRLReason.superseded: "証明書を更新した",
    CRLReason.cessation_of_operation: "証明書の必要性がなくなった(使用しなくなった)",
    CRLReason.certificate_hold: "秘密鍵の安全性に疑義が生じ一時的に保留した",
}


def reason_name(raw: int) -> str:
    """Name of a raw reason byte; a code that RFC 5280 does not know still means revoked, unspecified."""
    return RFC_NAME.get(raw, "unspecified")
