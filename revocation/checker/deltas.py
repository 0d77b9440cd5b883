"""One scope of one issuer at one moment: the freshest complete list, brought up to date by its deltas.

RFC 5280 sections 5.2.4 and 6.3.3 (a), (c), (i) to (k). All lists here are of one issuer, key and
issuingDistributionPoint ((c) (1), (2)), their signatures hold, and none is from the future.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from revocation.checker.lists import HeldList
from revocation.errors import InputRefused
from revocation.reasons import REASON_ABSENT, CRLReason

#: Section 5.3.1: what is on hold may be released, and of what gives no reason nobody knows that it may not.
#: A key that was compromised stays so; such a release is an error, and would be a dangerous one.
_RELEASABLE: Final = frozenset((CRLReason.certificate_hold, CRLReason.unspecified, REASON_ABSENT))

#: Of one certificate: the raw reason codes of its entries in a list; none where it is not listed.
Listed = Callable[[HeldList], Sequence[int]]


@dataclass(frozen=True, slots=True)
class Said:
    """What a scope says of one certificate."""

    #: Whether a list holds now; without one, the reason is what was heard last.
    is_current: bool
    #: Raw reason code; None: not listed.
    reason: int | None
    #: The list that said so.
    by: HeldList
    #: Why it proves nothing that the certificate is not listed.
    doubt: InputRefused | None


@dataclass(frozen=True, slots=True)
class _View:
    """A complete list with the deltas that it was combined with, in order; those of one number together."""

    complete: HeldList
    steps: tuple[tuple[HeldList, ...], ...] = ()

    @property
    def newest(self) -> HeldList:
        """The list by whose number and window the combination holds."""
        return self.steps[-1][0] if self.steps else self.complete


def said(lists: Iterable[HeldList], listed: Listed, at: datetime) -> Said | None:
    """What the freshest of them says of the certificate; None where no complete list is among them."""
    held = tuple(lists)
    # A delta of which there is a doubt changes nothing; what it revokes is heard below.
    deltas = [one for one in held if one.is_delta and one.doubt is None]
    views = [_view(one, deltas, at) for one in held if not one.is_delta]
    if not views:
        return None
    current = [view for view in views if view.newest.is_current(at)]
    beyond_doubt = [view for view in current if view.complete.doubt is None]
    chosen = _freshest(beyond_doubt or current or views)
    heard = [(_of_view(view, listed), view.newest) for view in chosen]
    # What is no older and cannot be used (lapsed, in doubt, a delta whose base we do not have) was said all
    # the same: its revocations stand, and of its releases nothing is believed.
    heard += [
        (_severest_code(codes), one) for one in held for view in chosen if (codes := _news(one, view, listed))
    ]

    def weight(one: tuple[int | None, HeldList]) -> tuple[bool, int, bool, datetime]:
        # Of several that say the same, one that holds says it, and the latest: whatever order they came in. A
        # list that must not decide is heard only where no other says anything.
        code, by = one
        return (
            code is not None and not by.is_forbidden,
            severity(code),
            by.is_current(at),
            by.list.this_update,
        )

    reason, by = max(heard, key=weight)
    return Said(bool(current), reason, by, chosen[0].complete.doubt)


def _view(complete: HeldList, deltas: Sequence[HeldList], at: datetime) -> _View:
    """Section 5.2.4: up to the newest delta that holds and fits, over as few others as it takes.

    A delta holds every change since its base; one that has lapsed is needed only where a later one is based
    on it, and what it released is then in the later one's base.
    """
    if complete.doubt is not None or complete.list.crl_number is None:
        return _View(complete)
    by_number: dict[int, list[HeldList]] = {}
    for delta in deltas:
        number = delta.list.crl_number
        # One that is older by thisUpdate is out of order, whatever its number, and brings nothing up to date.
        in_order = delta.list.this_update >= complete.list.this_update
        if number is not None and in_order and _may_follow(delta, complete):
            by_number.setdefault(number, []).append(delta)
    for last in sorted(by_number, reverse=True):
        if all(delta.is_current(at) for delta in by_number[last]):
            steps = _steps(complete.list.crl_number, last, by_number)
            if steps:
                return _View(complete, steps)
    return _View(complete)


def _steps(
    number: int, last: int, by_number: Mapping[int, Sequence[HeldList]]
) -> tuple[tuple[HeldList, ...], ...]:
    """From a list of this number to the last deltas, each step as far as bases permit; none: no way."""
    steps: list[tuple[HeldList, ...]] = []
    while number < last:
        reached = [
            one
            for one, same in by_number.items()
            if number < one <= last and all((delta.list.delta_base or 0) <= number for delta in same)
        ]
        if not reached:
            return ()
        number = max(reached)
        steps.append(tuple(by_number[number]))
    return tuple(steps)


def _may_follow(one: HeldList, complete: HeldList) -> bool:
    """Section 6.3.3 (c) (3): a delta has the complete list's authority key identifier, or is not for it."""
    return not one.is_delta or one.list.authority_key_identifier == complete.list.authority_key_identifier


def _news(one: HeldList, view: _View, listed: Listed) -> list[int]:
    """The revocations of this list that the view has not taken into account.

    Section 5.2.4: what a delta has revoked stays in every later one until a complete list has it. So one that
    was passed over is answered only by a later one that speaks of the same certificate, and a release answers
    only what may be released.
    """
    older = _is_newer(view.complete if one.is_delta else view.newest, one)
    codes = [] if older else [code for code in listed(one) if code != CRLReason.remove_from_crl]
    later = (delta for same in view.steps for delta in same if one.is_delta and _is_newer(delta, one))
    if any(listed(delta) for delta in later):
        return [code for code in codes if code not in _RELEASABLE]
    return codes


def _of_view(view: _View, listed: Listed) -> int | None:
    """Section 6.3.3 (i) to (k): the newest deltas that speak of the certificate, else the complete list."""
    before = _severest_code(listed(view.complete))
    for same in view.steps:
        codes = [listed(delta) for delta in same]
        revoking = [code for one in codes for code in one if code != CRLReason.remove_from_crl]
        if revoking:
            before = _severest_code(revoking)
        elif all(codes) and before in _RELEASABLE:
            before = None
    return before


def _is_newer(one: HeldList, other: HeldList) -> bool:
    """Section 5.2.3: by number, which complete lists and deltas share; by thisUpdate where there is none."""
    mine, theirs = one.list.crl_number, other.list.crl_number
    if mine is None or theirs is None:
        return one.list.this_update > other.list.this_update
    return mine > theirs


def _freshest(views: Sequence[_View]) -> list[_View]:
    """Those that no other is fresher than, in number and in thisUpdate: one, where the issuer keeps order."""

    def is_outdone(view: _View) -> bool:
        # Two under one number are no order, whatever their thisUpdate: then both count.
        return any(
            _is_newer(other.newest, view.newest)
            and other.newest.list.this_update >= view.newest.list.this_update
            for other in views
        )

    return [view for view in views if not is_outdone(view)]


def _severest_code(codes: Sequence[int]) -> int | None:
    return max(codes, key=severity, default=None)


def severity(code: int | None) -> int:
    """Nothing, a hold, revoked; and revoked with a reason tells more than without one."""
    if code is None:
        return 0
    if code == CRLReason.certificate_hold:
        return 1
    return 2 if code in {REASON_ABSENT, CRLReason.unspecified} else 3
