"""What these lists say of one certificate of a path: RFC 5280 section 6.3.3, over every list that was given.

A list counts for a certificate when its scope covers it (b), (d), a key that may do so signed it (f), (g),
and its times fit (a). What all such lists say together is a finding: good needs every reason covered by lists
that hold now; one that lists the certificate is enough for revoked; everything else is not determined.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from revocation.checker.certificates import Certificate
from revocation.checker.deltas import Said, said, severity
from revocation.checker.lists import HeldList
from revocation.checker.paths import Path, Paths
from revocation.checker.refusing import rank, refusal, sentence
from revocation.checker.scope import reasons_for
from revocation.checker.signers import Signers
from revocation.crl.accept import check_next_update, check_this_update
from revocation.crl.applies import same_scope
from revocation.crl.distribution_points import ALL_REASONS
from revocation.distinguished_names import canonical_name
from revocation.errors import InputRefused
from revocation.reasons import CRLReason, reason_name


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out about one certificate."""

    #: "good", "revoked" or "unknown".
    status: str
    #: RFC name of the reason, where it is revoked.
    reason: str | None
    #: Rule, section, and what was expected and got.
    why: str


@dataclass(frozen=True, slots=True)
class _Usable:
    held: HeldList
    signer: Certificate
    #: The bits of ALL_REASONS for which it speaks of this certificate.
    reasons: int

    def is_of_scope(self, other: _Usable) -> bool:
        """Section 6.3.3 (c) (1), (2): the same issuer, key and point; a number counts only among such."""
        mine, theirs = self.held.list, other.held.list
        return (
            self.signer.key_info == other.signer.key_info
            and canonical_name(mine.issuer) == canonical_name(theirs.issuer)
            and same_scope(self.held.issuing, mine.issuer, other.held.issuing, theirs.issuer)
        )


class Judge:
    """Of one set of lists, at one moment."""

    def __init__(self, lists: Sequence[HeldList], paths: Paths, at: datetime) -> None:
        self._lists: Final = lists
        self._at: Final = at
        self._signers: Final = Signers(lists, paths, at, self._found)
        self._known: Final[dict[tuple[bytes, ...], Finding]] = {}

    def finding(self, path: Path) -> Finding:
        """Of the first certificate of this path, which is at least two long. Found out once for each path."""
        key = tuple(one.fingerprint for one in path)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._found(path)
        return found

    def _found(self, path: Path) -> Finding:
        certificate = path[0]
        if certificate.distribution_points is None:
            return _unknown(
                refusal(
                    "CERTIFICATE_POINTS_MALFORMED",
                    "cRLDistributionPoints that can be read strictly",
                    "others",
                    "ask the certificate's issuer",
                )
            )
        usable: list[_Usable] = []
        refused: list[InputRefused] = []
        for held in self._lists:
            try:
                usable.append(self._usable(held, path))
            except InputRefused as error:
                refused.append(error)
        return self._concluded(certificate, usable, refused)

    def _usable(self, held: HeldList, path: Path) -> _Usable:
        # What cannot be parsed has no scope; of the rest the scope comes first, so that of many lists the
        # one that was meant is told of.
        reasons = reasons_for(path[0], held)
        if held.refused is not None:
            raise held.refused
        signer = self._signers.of(held, path)
        check_this_update(held.list, self._at)
        return _Usable(held, signer, reasons)

    def _concluded(
        self, certificate: Certificate, usable: Sequence[_Usable], refused: list[InputRefused]
    ) -> Finding:
        covered = 0
        revoked: list[Said] = []
        for scope in _by_scope(usable):
            answer = said(
                (one.held for one in scope),
                lambda held: list(held.reasons_of(certificate.issuer, certificate.serial)),
                self._at,
            )
            try:
                reason = self._reason_now(answer, scope)
            except InputRefused as error:
                refused.append(error)
                continue
            if answer is not None and reason is not None:
                revoked.append(answer)
            elif answer is not None and answer.doubt is not None:
                refused.append(answer.doubt)
            else:
                covered |= scope[0].reasons
        if revoked:
            code = max((answer.reason for answer in revoked), key=severity)
            return _revoked(code)
        # A list that nobody could decide about may be the one that names it.
        undecided = any(error.code == "TOO_COMPLEX" for error in refused)
        if covered == ALL_REASONS and not undecided:
            return Finding("good", None, _GOOD)
        if covered and covered != ALL_REASONS:
            refused.append(
                refusal(
                    "REASONS_NOT_COVERED",
                    "lists for every reason",
                    f"lists for {covered.bit_count()} of {ALL_REASONS.bit_count()}",
                    "give the lists for the other reasons",
                )
            )
        if not refused:
            refused = [refusal("NO_LIST", "a list for this certificate", "none", "give its issuer's list")]
        return _unknown(max(refused, key=lambda error: rank(error.code)))

    def _reason_now(self, answer: Said | None, scope: Sequence[_Usable]) -> int | None:
        """The raw reason, None if not listed; ``InputRefused`` where the scope has nothing to say now."""
        if answer is None:
            raise refusal(
                "DELTA_ALONE",
                "a complete list of this scope (RFC 5280 section 5.2.4)",
                "a delta list only",
                "give the complete list too",
            )
        if not answer.is_current:
            for one in scope:
                if not one.held.is_delta:
                    check_next_update(one.held.list, self._at)
        if answer.reason == CRLReason.certificate_hold and not answer.by.is_current(self._at):
            raise refusal(
                "HOLD_LAPSED",
                "a list that holds now, of a certificate that was put on hold",
                "one whose nextUpdate has passed",
                "give the newest list",
            )
        return answer.reason


def _by_scope(usable: Iterable[_Usable]) -> list[list[_Usable]]:
    scopes: list[list[_Usable]] = []
    for one in usable:
        for scope in scopes:
            if scope[0].is_of_scope(one):
                scope.append(one)
                break
        else:
            scopes.append([one])
    return scopes


_GOOD: Final = "NOT_LISTED (RFC 5280 section 6.3.3): no list that holds names it, and they cover every reason"


def _revoked(code: int | None) -> Finding:
    reason = reason_name(0 if code is None else code)
    rule = "ON_HOLD" if code == CRLReason.certificate_hold else "LISTED"
    return Finding("revoked", reason, f"{rule} (RFC 5280 section 6.3.3 (i), (j)): its issuer's list names it")


def _unknown(refused: InputRefused) -> Finding:
    return Finding("unknown", None, sentence(refused))
