"""What these lists say of one certificate of a path: RFC 5280 section 6.3.3, over every list that was given.

A list counts for a certificate when its scope covers it (b), (d), a key that may do so signed it (f), (g),
and its times fit (a). What all such lists say together is a finding: good needs every reason covered by lists
that hold now; one that lists the certificate is enough for revoked; everything else is not determined.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from revocation.checker.certificates import Certificate
from revocation.checker.deltas import Said, said, severity
from revocation.checker.lists import HeldList
from revocation.checker.paths import Path, Paths
from revocation.checker.refusing import rank, refusal, sentence
from revocation.checker.scope import reasons_for
from revocation.checker.signers import Signers
from revocation.crl.accept import check_next_update, check_this_update
from revocation.crl.applies import scope_of
from revocation.crl.distribution_points import ALL_REASONS
from revocation.crl.general_names import comparable
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
    #: Why it proves nothing that the certificate is not listed, where that lies with the signer.
    doubt: InputRefused | None


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
            found = self._known[key] = self._found(path, own_only=False)
        return found

    def _found(self, path: Path, own_only: bool) -> Finding:
        """``own_only``: by lists that certificates of this path have signed, and no others."""
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
                usable.append(self._usable(held, path, own_only))
            except InputRefused as error:
                refused.append(error)
        return self._concluded(certificate, usable, refused)

    def _usable(self, held: HeldList, path: Path, own_only: bool) -> _Usable:
        # What cannot be parsed has no scope; of the rest the scope comes first, so that of many lists the
        # one that was meant is told of.
        reasons = reasons_for(path[0], held)
        if held.refused is not None:
            raise held.refused
        signer, doubt = self._signers.of(held, path, own_only=own_only)
        check_this_update(held.list, self._at)
        return _Usable(held, signer, reasons, doubt)

    def _concluded(
        self,
        certificate: Certificate,
        usable: Sequence[_Usable],
        refused: list[InputRefused],
    ) -> Finding:
        covered = 0
        revoked: list[Said] = []
        against: list[InputRefused] = []
        held_before: list[tuple[HeldList, InputRefused]] = []
        newest: list[datetime] = []
        alone: list[Said] = []
        for scope in _by_scope(usable):
            answer = said(
                (one.held for one in scope),
                lambda held: list(held.reasons_of(certificate.issuer, certificate.serial)),
                self._at,
            )
            if answer is None:
                # What it releases or leaves out says nothing; but whom it revokes no other list makes good.
                refused.append(_delta_alone("a delta list only"))
                for said_alone in self._said_alone(scope, certificate):
                    if said_alone.by.is_forbidden and said_alone.doubt is not None:
                        against.append(said_alone.doubt)
                    else:
                        alone.append(said_alone)
                continue
            doubt = self._lapse(answer) or scope[0].doubt or answer.doubt
            forbidden = answer.by.doubt if answer.by.is_forbidden else None
            if answer.reason is not None and forbidden is not None:
                # It must not decide; so where it names the certificate, neither does what others leave out.
                against.append(forbidden)
            elif answer.reason is not None and answer.is_current and not self._is_old_hold(answer):
                revoked.append(answer)
            elif answer.reason == CRLReason.certificate_hold:
                held_before.append((answer.by, doubt or _hold_lapsed()))
            elif answer.reason is not None:
                # No list of this scope holds, but what is revoked stays so.
                against.append(doubt or _hold_lapsed())
            elif doubt is not None:
                refused.append(doubt)
            else:
                covered |= scope[0].reasons
                newest.append(answer.by.list.this_update)
        if covered == ALL_REASONS:
            revoked += [answer for answer in alone if not self._is_old_hold(answer)]
            held_before += [(answer.by, _hold_lapsed()) for answer in alone]
        if revoked:
            code = max((answer.reason for answer in revoked), key=severity)
            return _revoked(code)
        # A list that nobody could decide about may be the one that names it.
        against += [error for error in refused if error.code == "TOO_COMPLEX"]
        # A hold of which only a lapsed list tells may have been released: by one that was made later.
        against += [error for by, error in held_before if by.list.this_update >= max(newest, default=_NEVER)]
        if against:
            return _unknown(max(against, key=lambda error: rank(error.code)))
        if covered == ALL_REASONS:
            return Finding("good", None, _GOOD)
        if covered:
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

    def _lapse(self, answer: Said) -> InputRefused | None:
        """Section 6.3.3 (a): what is wrong with the time of a scope of which no list holds."""
        if answer.is_current:
            return None
        try:
            check_next_update(answer.by.list, self._at)
        except InputRefused as error:
            return error
        # The one that was heard last holds, but is a delta without its base.
        return _delta_alone("only one that has lapsed, and a delta that is not based on it")

    def _said_alone(self, scope: Sequence[_Usable], certificate: Certificate) -> Iterator[Said]:
        """Each revocation that deltas without a complete list tell of this certificate."""
        for one in scope:
            for code in one.held.reasons_of(certificate.issuer, certificate.serial):
                if code != CRLReason.remove_from_crl:
                    yield Said(one.held.is_current(self._at), code, one.held, one.held.doubt)

    def _is_old_hold(self, answer: Said) -> bool:
        return answer.reason == CRLReason.certificate_hold and not answer.by.is_current(self._at)


def _delta_alone(got: str) -> InputRefused:
    return refusal(
        "DELTA_ALONE",
        "a complete list of this scope that holds (RFC 5280 section 5.2.4)",
        got,
        "give the newest complete list too",
    )


def _hold_lapsed() -> InputRefused:
    return refusal(
        "HOLD_LAPSED",
        "a list that holds now, of a certificate that was put on hold",
        "one whose nextUpdate has passed",
        "give the newest list",
    )


def _by_scope(usable: Iterable[_Usable]) -> list[list[_Usable]]:
    """Section 6.3.3 (c) (1), (2): of one issuer, key and point; a number counts only among such."""
    scopes: dict[object, list[_Usable]] = {}
    for one in usable:
        issuer = one.held.list.issuer
        try:
            key: object = (
                one.signer.key_info,
                one.doubt is None,
                comparable(issuer),
                scope_of(one.held.issuing, issuer),
            )
        except InputRefused:
            # A point whose names nobody can compare is like no other.
            key = id(one)
        scopes.setdefault(key, []).append(one)
    return list(scopes.values())


_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_GOOD: Final = "NOT_LISTED (RFC 5280 section 6.3.3): no list that holds names it, and they cover every reason"


def _revoked(code: int | None) -> Finding:
    reason = reason_name(0 if code is None else code)
    rule = "ON_HOLD" if code == CRLReason.certificate_hold else "LISTED"
    return Finding("revoked", reason, f"{rule} (RFC 5280 section 6.3.3 (i), (j)): its issuer's list names it")


def _unknown(refused: InputRefused) -> Finding:
    return Finding("unknown", None, sentence(refused))
