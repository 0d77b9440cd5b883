"""The verdict on a certificate: of all of its path, in one word, by a fixed precedence.

Good is said of a path only here, and of one certificate only by judging.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from revocation.checker.certificates import Certificate, read_certificate
from revocation.checker.judging import Finding, Judge
from revocation.checker.lists import TOLERANCES, HeldList
from revocation.checker.paths import Path, Paths, check_no_unknown_critical
from revocation.checker.refusing import refusal, sentence
from revocation.errors import InputRefused

#: From the one that outweighs all others to the one that nothing may outweigh.
PRECEDENCE: Final = (
    *("path-invalid", "issuer-revoked", "revoked", "expired-cert", "malformed", "unknown", "good"),
)


@dataclass(frozen=True, slots=True, repr=False)
class Case:
    """One question. All octets are DER; what is in ``intermediates`` need not be trusted, nor be of use."""

    trust: Sequence[bytes]
    intermediates: Sequence[bytes]
    #: Lists as they came, or as ``HeldList`` where many cases share them.
    lists: Sequence[bytes | HeldList]
    certificate: bytes
    #: The moment that is asked about.
    at: datetime
    #: Names of ``lists.TOLERANCES``.
    tolerances: AbstractSet[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer."""

    #: One of PRECEDENCE.
    status: str
    #: RFC name of the reason, where the certificate, or one above it, is revoked.
    reason: str | None
    #: Rule, section, expected, got and remedy; no serial, no name.
    why: str
    #: Of each certificate of the path that was judged, the asked one first and the trust anchor left out.
    findings: tuple[Finding, ...] = field(default=())


def check(case: Case) -> Verdict:
    """The verdict on its certificate, by RFC 5280 sections 6.1 (as far as paths.py says) and 6.3.

    ``InputRefused`` only where the question itself is none: a moment without its zone, an unknown tolerance.
    """
    if not case.tolerances <= TOLERANCES:
        raise InputRefused(
            "TOLERANCE_UNKNOWN",
            expected=f"tolerances among {', '.join(sorted(TOLERANCES))}",
            got="another name",
            remedy="take the name from the refusal that it shall let pass",
        )
    if case.at.tzinfo is None:
        raise InputRefused(
            "TIME_MALFORMED",
            expected="a moment with its zone",
            got="one without",
            remedy="use an aware datetime",
        )
    try:
        certificate = read_certificate(case.certificate)
    except InputRefused as error:
        return Verdict("path-invalid", None, _malformed(error))
    anchors = _readable(case.trust)
    paths = Paths(anchors, [*_readable(case.intermediates), certificate], case.at)
    lists = [one if isinstance(one, HeldList) else HeldList(one, case.tolerances) for one in case.lists]
    try:
        if not anchors:
            raise refusal(
                "PATH_NO_ANCHOR", "a trust anchor that can be read", "none", "give the CA's certificate"
            )
        check_no_unknown_critical(certificate)
        ways = paths.of(certificate)
    except InputRefused as error:
        # Of more paths than can be judged not all are bad; but the one not judged may be the one that counts.
        status = "unknown" if error.code == "TOO_COMPLEX" else "path-invalid"
        return Verdict(status, None, sentence(error))
    judge = Judge(lists, paths, case.at)
    malformed = [one.refused for one in lists if one.is_malformed and one.refused is not None]
    return most_telling([_of_path(way, judge, malformed, case.at) for way in ways])


def _readable(certificates: Sequence[bytes]) -> list[Certificate]:
    """What cannot be read is on no path: then it is missed where it is needed."""
    found = []
    for der in certificates:
        try:
            found.append(read_certificate(der))
        except InputRefused:
            continue
    return found


def _malformed(error: InputRefused) -> str:
    return sentence(
        refusal(
            "CERTIFICATE_MALFORMED", "a certificate in strict DER", f"{error.code}: {error.got}", error.remedy
        )
    )


def _of_path(path: Path, judge: Judge, malformed: Sequence[InputRefused], at: datetime) -> Verdict:
    """By precedence: what outweighs comes first."""
    findings = tuple(judge.finding(path[number:]) for number in range(len(path) - 1))
    own, issuers = findings[0], findings[1:]

    def verdict(status: str, why: str, reason: str | None = None) -> Verdict:
        return Verdict(status, reason, why, findings)

    for number, found in enumerate(issuers, 1):
        if found.status == "revoked":
            return verdict("issuer-revoked", f"of issuer {number}: {found.why}", found.reason)
    if own.status == "revoked":
        return verdict("revoked", own.why, own.reason)
    dated = _outside_its_dates(path[0], at)
    if dated is not None:
        return verdict("expired-cert", sentence(dated))
    undetermined = [(number, found) for number, found in enumerate(findings) if found.status != "good"]
    if undetermined:
        if malformed:
            return verdict("malformed", f"of a list: {sentence(malformed[0])}")
        number, found = undetermined[0]
        return verdict("unknown", found.why if number == 0 else f"of issuer {number}: {found.why}")
    return verdict("good", own.why)


def _outside_its_dates(certificate: Certificate, at: datetime) -> InputRefused | None:
    """RFC 5280 section 6.1.3 (a) (2), both ends inclusive. Which dates they are is the holder's birthday."""
    if at < certificate.not_before:
        return refusal(
            "CERTIFICATE_NOT_YET_VALID", "a certificate within its dates", "one not yet valid", "ask later"
        )
    if at > certificate.not_after:
        return refusal(
            "CERTIFICATE_EXPIRED",
            "a certificate within its dates",
            "one that has expired",
            "ask for its newer one",
        )
    return None


def most_telling(verdicts: Sequence[Verdict]) -> Verdict:
    """Of several valid paths (RFC 5280 section 6.1: one is enough), the verdict that stands.

    A path over a revoked issuer is none, as long as another decides. The certificate's own revocation is the
    same fact on every path. Among the rest good on one path is good; else precedence.
    """
    decided = [
        one
        for one in verdicts
        if one.status == "revoked" or all(found.status == "good" for found in one.findings)
    ]
    ranked = sorted(decided or verdicts, key=lambda one: PRECEDENCE.index(one.status))
    return ranked[0]
