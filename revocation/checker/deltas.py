"""One scope of one issuer at one moment: the freshest complete list, brought up to date by its deltas.

RFC 5280 sections 5.2.4 and 6.3.3 (a), (c), (i) to (k). All lists here are of one issuer, key and
issuingDistributionPoint ((c) (1), (2)), their signatures hold, and none is from the future.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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
    """A complete list with the deltas that could be combined with it, in order."""

    complete: HeldList
    deltas: tuple[HeldList, ...]

    @property
    def newest(self) -> HeldList:
        """The list by whose window the combination holds."""
        return self.deltas[-1] if self.deltas else self.complete


def said(lists: Iterable[HeldList], listed: Listed, at: datetime) -> Said | None:
    """What the freshest of them says of the certificate; None where no complete list is among them."""
    held = tuple(lists)
    # A delta of which there is a doubt changes nothing; what it revokes is heard below.
    deltas = sorted(
        (one for one in held if one.is_delta and one.doubt is None), key=lambda one: one.list.crl_number or 0
    )
    views = [_view(one, deltas, at) for one in held if not one.is_delta]
    if not views:
        return None
    current = [view for view in views if view.newest.is_current(at)]
    beyond_doubt = [view for view in current if view.complete.doubt is None]
    chosen = _freshest(beyond_doubt or current or views)
    reason, by = _severest([(_of_view(view, listed), view.newest) for view in chosen])
    # What is no older and cannot be used (lapsed, in doubt, a delta whose base we do not have) was said all
    # the same: its revocations stand, and of its releases nothing is believed.
    for news in held:
        if any(not _is_newer(view.newest, news) and _may_follow(news, view.complete) for view in chosen):
            heard = _severest_code([code for code in listed(news) if code != CRLReason.remove_from_crl])
            reason, by = _severest([(reason, by), (heard, news)])
    return Said(bool(current), reason, by, chosen[0].complete.doubt)


def _view(complete: HeldList, deltas: Sequence[HeldList], at: datetime) -> _View:
    """Section 5.2.4: a delta fits what has its base or later, and is older than itself; one after the other.

    A lapsed one may stand between, as it did while it held; but the last one holds, or adds nothing.
    """
    number = complete.list.crl_number
    fitting: list[HeldList] = []
    upto = 0
    if complete.doubt is not None:
        deltas = ()
    for delta in deltas:
        base, own = delta.list.delta_base, delta.list.crl_number
        if number is None or base is None or own is None or not base <= number < own:
            continue
        if not _may_follow(delta, complete):
            continue
        fitting.append(delta)
        number = own
        if delta.is_current(at):
            upto = len(fitting)
    return _View(complete, tuple(fitting[:upto]))


def _may_follow(one: HeldList, complete: HeldList) -> bool:
    """Section 6.3.3 (c) (3): a delta has the complete list's authority key identifier, or is not for it."""
    return not one.is_delta or one.list.authority_key_identifier == complete.list.authority_key_identifier


def _of_view(view: _View, listed: Listed) -> int | None:
    """Section 6.3.3 (i) to (k): the newest delta that speaks of the certificate, else the complete list."""
    before = _severest_code(listed(view.complete))
    for delta in view.deltas:
        codes = listed(delta)
        revoking = [code for code in codes if code != CRLReason.remove_from_crl]
        if revoking:
            before = _severest_code(revoking)
        elif codes and before in _RELEASABLE:
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


def _severest(found: Sequence[tuple[int | None, HeldList]]) -> tuple[int | None, HeldList]:
    return max(found, key=lambda one: severity(one[0]))


def _severest_code(codes: Sequence[int]) -> int | None:
    return max(codes, key=severity, default=None)


def severity(code: int | None) -> int:
    """Nothing, a hold, revoked; and revoked with a reason tells more than without one."""
    if code is None:
        return 0
    if code == CRLReason.certificate_hold:
        return 1
    return 2 if code in {REASON_ABSENT, CRLReason.unspecified} else 3
