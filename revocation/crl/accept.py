"""May this list be believed? One small function for each rule; all must hold (design: acceptance).

Called after verify.py has found the signer. Everything here is a comparison of what the list says with
what was configured, with the clock, and with the greatest list of this scope accepted before.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Final, Protocol

from revocation.authorities import Authority, Generation, ListScope, Tolerance
from revocation.crl.decode import CertificateList
from revocation.crl.extensions import AUTHORITY_KEY_IDENTIFIER, CRL_NUMBER
from revocation.crl.scope import check_complete, check_scope, check_signing_key
from revocation.crl.signer import check_signer_validity
from revocation.errors import InputRefused

#: How far another host's clock may run ahead of ours.
MAX_CLOCK_SKEW: Final = timedelta(minutes=5)


class Mark(Protocol):
    """The greatest list of a scope accepted so far."""

    @property
    def crl_number(self) -> int | None:
        """None only where the CA has the tolerance missing_crl_number."""
        ...

    @property
    def this_update(self) -> datetime: ...

    @property
    def sha256(self) -> bytes: ...


class HighWater(Protocol):
    """Remembers the marks, so that no older list is ever believed again; several may be combined."""

    def mark(self, scope: ListScope) -> Mark | None: ...


class Acceptance(Enum):
    """A list that is not refused is new, or the very one accepted last."""

    NEW = "new"
    ALREADY_ACCEPTED = "already_accepted"


def accept_list(
    certificate_list: CertificateList,
    authority: Authority,
    scope: ListScope,
    generation: Generation,
    *,
    now: datetime,
    high_water: HighWater,
) -> Acceptance:
    """Accept the list for this scope, or raise ``InputRefused`` with the code of the first rule broken."""
    check_signer_validity(generation, now)
    check_critical_extensions(certificate_list, authority.tolerances)
    check_complete(certificate_list)
    check_signing_key(scope, generation)
    check_scope(certificate_list, authority, scope)
    check_this_update(certificate_list, now)
    check_next_update(certificate_list, now)
    check_crl_number(certificate_list, authority.tolerances)
    return check_high_water(certificate_list, high_water.mark(scope))


def check_critical_extensions(certificate_list: CertificateList, tolerances: AbstractSet[str]) -> None:
    """RFC 5280 section 5.2: a list with an unrecognised critical extension decides no status."""
    if certificate_list.unknown_critical_extensions:
        raise InputRefused(
            "UNKNOWN_CRITICAL_EXTENSION",
            expected="no critical extension that we do not process (RFC 5280 section 5.2)",
            got=", ".join(certificate_list.unknown_critical_extensions),
            remedy="ask the CA what the extension means; until then this list decides no status",
        )
    # Sections 5.2.1 and 5.2.3: these two are understood, and never critical in a conforming list.
    wrong = [
        name
        for oid, name in _NEVER_CRITICAL.items()
        if oid in certificate_list.critical_extensions
        and Tolerance.CRITICAL_KNOWN_EXTENSION not in tolerances
    ]
    if wrong:
        raise InputRefused(
            "KNOWN_EXTENSION_CRITICAL",
            expected=f"{wrong[0]} not critical (RFC 5280 section 5.2)",
            got="a critical one",
            remedy=f"ask the CA, or switch on the tolerance {Tolerance.CRITICAL_KNOWN_EXTENSION} for it",
        )


_NEVER_CRITICAL: Final = {CRL_NUMBER: "cRLNumber", AUTHORITY_KEY_IDENTIFIER: "authorityKeyIdentifier"}


def check_this_update(certificate_list: CertificateList, now: datetime) -> None:
    """RFC 5280 section 5.1.2.4: a list from the future was signed by a clock we cannot trust."""
    if certificate_list.this_update - now > MAX_CLOCK_SKEW:
        raise InputRefused(
            "THIS_UPDATE_IN_FUTURE",
            expected=f"thisUpdate of {_utc(now + MAX_CLOCK_SKEW)} at the latest",
            got=_utc(certificate_list.this_update),
            remedy="check this host's clock; if it is right, tell the CA",
        )


def check_next_update(certificate_list: CertificateList, now: datetime) -> None:
    """RFC 5280 sections 5.1.2.5 and 6.3.3 (a): always present, after thisUpdate, and not yet passed."""
    next_update = check_window(certificate_list)
    if next_update <= now:
        raise InputRefused(
            "NEXT_UPDATE_PASSED",
            expected=f"nextUpdate after {_utc(now)}",
            got=_utc(next_update),
            remedy="fetch a newer list; if there is none, check this host's clock and ask the CA",
        )


def check_window(certificate_list: CertificateList) -> datetime:
    """RFC 5280 section 5.1.2.5: nextUpdate is there, and after thisUpdate; whenever it is asked."""
    next_update = certificate_list.next_update
    if next_update is None:
        raise InputRefused(
            "NEXT_UPDATE_MISSING",
            expected="nextUpdate (RFC 5280 section 5.1.2.5)",
            got="none",
            remedy="ask the CA for a conforming list: without it nobody can say when this one gets stale",
        )
    if next_update <= certificate_list.this_update:
        raise InputRefused(
            "NEXT_UPDATE_BEFORE_THIS_UPDATE",
            expected=f"nextUpdate after thisUpdate {_utc(certificate_list.this_update)}",
            got=_utc(next_update),
            remedy="tell the CA; such a list was never valid",
        )
    return next_update


def check_crl_number(certificate_list: CertificateList, tolerances: AbstractSet[str]) -> None:
    """RFC 5280 section 5.2.3: every list carries one; without it a replay is told by thisUpdate only."""
    if certificate_list.crl_number is None and Tolerance.MISSING_CRL_NUMBER not in tolerances:
        raise InputRefused(
            "CRL_NUMBER_MISSING",
            expected="cRLNumber (RFC 5280 section 5.2.3)",
            got="none",
            remedy=f"ask the CA, or switch on the tolerance {Tolerance.MISSING_CRL_NUMBER} for it",
        )


def check_high_water(certificate_list: CertificateList, mark: Mark | None) -> Acceptance:
    """RFC 5280 section 5.2.3, monotonic numbers: never behind, never two lists under one number."""
    if mark is None:
        return Acceptance.NEW
    if certificate_list.sha256 == mark.sha256:
        return Acceptance.ALREADY_ACCEPTED
    number = certificate_list.crl_number
    if number is not None and mark.crl_number is not None:
        if number < mark.crl_number:
            raise InputRefused(
                "CRL_NUMBER_ROLLBACK",
                expected=f"cRLNumber above {mark.crl_number}, the greatest accepted for this scope",
                got=str(number),
                remedy="fetch the newest list; an old one served again may be an attack",
            )
        if number == mark.crl_number:
            raise InputRefused(
                "CRL_NUMBER_REUSED",
                expected=f"under cRLNumber {number} the same bytes as accepted before",
                got="other bytes",
                remedy="tell the CA at once: two lists carry one number (RFC 5280 section 5.2.3)",
            )
    if certificate_list.this_update <= mark.this_update:
        raise InputRefused(
            "THIS_UPDATE_ROLLBACK",
            expected=f"thisUpdate after {_utc(mark.this_update)}, that of the list accepted before",
            got=_utc(certificate_list.this_update),
            remedy="tell the CA: number and thisUpdate of its lists disagree",
        )
    return Acceptance.NEW


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
