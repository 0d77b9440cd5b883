"""The four kinds of certificates, and the CAs that issue them: data, so that a fifth is a row.

Whether phones have CAs of their own is unknown (jpki.md section 1.5), so it is a setting of the sandbox:
``phone_shares_ca`` puts the phone's kinds below the card's CAs, told apart by their policy OIDs only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

CARD_SIGN: Final = "card-sign"
CARD_AUTH: Final = "card-auth"
MOBILE_SIGN: Final = "mobile-sign"
MOBILE_AUTH: Final = "mobile-auth"
ALL: Final = (CARD_SIGN, CARD_AUTH, MOBILE_SIGN, MOBILE_AUTH)
CARD: Final = (CARD_SIGN, CARD_AUTH)
MOBILE: Final = (MOBILE_SIGN, MOBILE_AUTH)
#: Kinds that carry the four items, so that a move ends them (jpki.md section 1.3).
SIGNING: Final = (CARD_SIGN, MOBILE_SIGN)
#: The certificate on the card upon which a phone's hangs: law articles 16-14 (signing) and 35-14.
OF_CARD: Final = {MOBILE_SIGN: CARD_SIGN, MOBILE_AUTH: CARD_AUTH}
OF_PHONE: Final = {card: phone for phone, card in OF_CARD.items()}

#: The test hierarchy's arc …5.1.0 (production has …5.1.1.20, …5.1.3.30, …5.1.1.40).
_ARC: Final = "1.2.392.200149.8.5.1.0."
POLICY_OIDS: Final[Mapping[str, str]] = {
    CARD_SIGN: _ARC + "20",
    CARD_AUTH: _ARC + "30",
    MOBILE_SIGN: _ARC + "40",
    MOBILE_AUTH: _ARC + "50",
}
#: Hosts of the reserved .test domain: the sandbox never sends anybody to the real responders.
OCSP_URLS: Final[Mapping[str, str]] = {
    CARD_SIGN: "http://ocspsignnorm.jpki.test",
    CARD_AUTH: "http://ocspauthnorm.jpki.test",
    MOBILE_SIGN: "http://ocspsignmobile.jpki.test",
    MOBILE_AUTH: "http://ocspauthmobile.jpki.test",
}


@dataclass(frozen=True, slots=True)
class CaProfile:
    """One CA: what its names say and which kinds it issues."""

    ca_id: str
    kinds: tuple[str, ...]
    unit: str
    unit_in_japanese: str

    @property
    def hold_releasable(self) -> bool:
        """A phone's hold may be released (design section 5); one CA for both must allow it for all."""
        return any(kind in MOBILE for kind in self.kinds)


#: The card's names are those of jpki.md section 1.1; the phone's are unknown and invented here.
_UNITS: Final = {
    CARD_SIGN: ("JPKI for digital signature", "公的個人認証サービス署名用"),
    CARD_AUTH: ("JPKI for user authentication", "公的個人認証サービス利用者証明用"),
    MOBILE_SIGN: ("JPKI for digital signature on mobile device", "公的個人認証サービス移動端末設備用署名用"),
    MOBILE_AUTH: (
        "JPKI for user authentication on mobile device",
        "公的個人認証サービス移動端末設備用利用者証明用",
    ),
}


def ca_of_kind(kind: str, *, phone_shares_ca: bool) -> str:
    return OF_CARD.get(kind, kind) if phone_shares_ca else kind


def profiles(kinds: Iterable[str], *, phone_shares_ca: bool) -> tuple[CaProfile, ...]:
    """The CAs of a sandbox with these kinds, the card's signing CA first."""
    wanted = set(kinds)
    issued: dict[str, list[str]] = {}
    for kind in ALL:
        if kind in wanted:
            issued.setdefault(ca_of_kind(kind, phone_shares_ca=phone_shares_ca), []).append(kind)
    return tuple(CaProfile(ca_id, tuple(found), *_UNITS[ca_id]) for ca_id, found in issued.items())
