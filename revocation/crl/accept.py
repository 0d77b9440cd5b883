"""May this list be believed? One small function for each rule; all must hold (design: acceptance).

Called after verify.py has found the signer. Everything here is a comparison of what the list says with
what was configured, with the clock, and with the greatest list of this scope accepted before.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum
from typing import Final, Protocol

from revocation.authorities import Authority, Generation, ListScope, Tolerance
from revocation.crl.decode import CertificateList
from revocation.crl.extensions import IssuingDistributionPoint
from revocation.distinguished_names import same_name
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
    check_critical_extensions(certificate_list)
    check_complete(certificate_list)
    check_signing_key(scope, generation)
    check_scope(certificate_list, authority, scope)
    check_this_update(certificate_list, now)
    check_next_update(certificate_list, now)
    check_crl_number(certificate_list, authority)
    return check_high_water(certificate_list, high_water.mark(scope))


def check_critical_extensions(certificate_list: CertificateList) -> None:
    """RFC 5280 section 5.2: a list with an unrecognised critical extension decides no status."""
    if certificate_list.unknown_critical_extensions:
        raise InputRefused(
            "UNKNOWN_CRITICAL_EXTENSION",
            expected="no critical extension that we do not process (RFC 5280 section 5.2)",
            got=", ".join(certificate_list.unknown_critical_extensions),
            remedy="ask the CA what the extension means; until then this list decides no status",
        )


def check_complete(certificate_list: CertificateList) -> None:
    """RFC 5280 section 5.2.4: a delta list alone says nothing about the certificates that it omits."""
    if certificate_list.delta_base is not None:
        raise InputRefused(
            "DELTA_NOT_EXPECTED",
            expected="a complete list",
            got="a delta list (RFC 5280 section 5.2.4)",
            remedy="fetch the complete list of this scope",
        )


def check_signing_key(scope: ListScope, generation: Generation) -> None:
    """RFC 5280 section 6.3.3 (f): under one DN with many keys, another key's list is another list."""
    if generation.key_id.hex() != scope.signing_key:
        raise _scope_mismatch(
            "a list signed by the key of this scope",
            f"one signed by generation {generation.name}",
            "check which address belongs to which generation, and the authority's crl_signing",
        )


def check_scope(certificate_list: CertificateList, authority: Authority, scope: ListScope) -> None:
    """RFC 5280 sections 5.2.5 and 6.3.3 (b): the IDP names exactly the partition that we asked for."""
    partition = authority.partition(scope.partition_number)
    if partition is None:
        raise _scope_mismatch(
            "a partition on the approved list", "another", "approve the partition for this authority"
        )
    point = certificate_list.issuing_distribution_point
    if point is None:
        if partition.distribution_point:
            raise _scope_mismatch(
                "an issuingDistributionPoint that names the partition",
                "none",
                "check the address of the list",
            )
        return
    if point.indirect_crl:
        raise InputRefused(
            "INDIRECT_NOT_SUPPORTED",
            expected="a list of the CA's own certificates",
            got="indirectCRL (RFC 5280 section 5.2.5)",
            remedy="fetch the list that the CA itself issues for this scope",
        )
    _check_point_kinds(point)
    if not point.critical and Tolerance.NON_CRITICAL_IDP not in authority.tolerances:
        raise _scope_mismatch(
            "a critical issuingDistributionPoint (RFC 5280 section 5.2.5)",
            "one that is not critical",
            f"switch on the tolerance {Tolerance.NON_CRITICAL_IDP} for this CA if it is known to do so",
        )
    if not _names_partition(point, partition.distribution_point):
        raise _scope_mismatch(
            "the distribution point of the partition that was asked for",
            "another one",
            "check the address of the list; two partitions may have been exchanged",
        )


def _check_point_kinds(point: IssuingDistributionPoint) -> None:
    """Limits that would leave some certificates or reasons of the partition unspoken for."""
    limits = {
        "onlyContainsCACerts": point.only_contains_ca_certs,
        "onlyContainsAttributeCerts": point.only_contains_attribute_certs,
        "onlySomeReasons": point.only_some_reasons,
        "nameRelativeToCRLIssuer": point.relative_name,
    }
    found = [name for name, present in limits.items() if present]
    if found:
        raise _scope_mismatch(
            "a list of all end-entity certificates of the partition, for all reasons",
            ", ".join(found),
            "fetch the list that covers the whole partition",
        )


def _names_partition(point: IssuingDistributionPoint, distribution_point: bytes) -> bool:
    """One of the point's names is the partition's; a CA that does not partition names none."""
    if not distribution_point:
        return not point.full_names
    return any(_same_point(name, distribution_point) for name in point.full_names)


def _same_point(one: bytes, other: bytes) -> bool:
    """Directory names (SEQUENCE) as RFC 5280 section 7.1 wants; other forms octet by octet."""
    if one[:1] == other[:1] == b"\x30":
        return same_name(one, other)
    return one == other


def check_this_update(certificate_list: CertificateList, now: datetime) -> None:
    """RFC 5280 section 5.1.2.4: a list from the future was signed by a clock we cannot trust."""
    if certificate_list.this_update > now + MAX_CLOCK_SKEW:
        raise InputRefused(
            "THIS_UPDATE_IN_FUTURE",
            expected=f"thisUpdate of {_utc(now + MAX_CLOCK_SKEW)} at the latest",
            got=_utc(certificate_list.this_update),
            remedy="check this host's clock; if it is right, tell the CA",
        )


def check_next_update(certificate_list: CertificateList, now: datetime) -> None:
    """RFC 5280 sections 5.1.2.5 and 6.3.3 (a): always present, after thisUpdate, and not yet passed."""
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
    if next_update <= now:
        raise InputRefused(
            "NEXT_UPDATE_PASSED",
            expected=f"nextUpdate after {_utc(now)}",
            got=_utc(next_update),
            remedy="fetch a newer list; if there is none, check this host's clock and ask the CA",
        )


def check_crl_number(certificate_list: CertificateList, authority: Authority) -> None:
    """RFC 5280 section 5.2.3: every list carries one; without it a replay is told by thisUpdate only."""
    if certificate_list.crl_number is None and Tolerance.MISSING_CRL_NUMBER not in authority.tolerances:
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


def _scope_mismatch(expected: str, got: str, remedy: str) -> InputRefused:
    return InputRefused("SCOPE_MISMATCH", expected=expected, got=got, remedy=remedy)


def _utc(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
