"""What a world's verdict must be, from what was drawn for it: RFC 5280 section 6.3.3 on plain facts.

Independent of every checker, and without DER; where the RFC leaves room more than one verdict is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

from tests.checker.making import ListTold, SlotTold, World
from tests.checker.verdicts import Verdict
from tests.checker.written import REASON_BITS

ALL_REASONS = frozenset(REASON_BITS)
UNUSABLE_SIGNER = (
    "signer foreign",
    "signer no cRLSign",
    "signer expired",
    "signer revoked",
    "signer on no list",
)
#: What a delta may release: of an entry without a reason nobody knows that it is no hold (section 5.3.1).
RELEASABLE = ("certificateHold", "no reason")
FULL = 20  # the number of the newest complete list
#: Section 5.2 forbids to use the one; of the other (section 5.1.2.5) only what it revokes can be believed.
UNUSABLE = ("unknown critical extension", "no nextUpdate")
REVOKED = frozenset({Verdict.REVOKED})
GOOD = frozenset({Verdict.GOOD})
NOT_DETERMINED = frozenset({Verdict.NOT_DETERMINED})


def right_verdicts(world: World) -> frozenset[Verdict]:
    """The verdicts that are right."""
    if "path flaw" in world.parts:
        return frozenset({Verdict.PATH_INVALID})
    if "an intermediate revoked" in world.parts:
        return REVOKED
    found = _of_the_close_one(world)
    if "leaf expired" in world.parts:
        return frozenset(Verdict.NOT_DETERMINED if v == Verdict.GOOD else v for v in found)
    return found


def _of_the_close_one(world: World) -> frozenset[Verdict]:
    if not world.parts.isdisjoint(("signer on no list", "signer on its own list")):
        # Of a signer whose own status is not determined, what its list revokes may count. Its own list may
        # cover the signer, and whether that is enough is open too (NIST PKITS 4.14.30 wants it).
        covers_itself = "signer on its own list" in world.parts or "signer apart" in world.parts
        found = _either(world)
        return NOT_DETERMINED | (found if covers_itself else found - GOOD)
    if not world.parts.isdisjoint(UNUSABLE_SIGNER):
        return NOT_DETERMINED
    return _either(world)


def _either(world: World) -> frozenset[Verdict]:
    # A list named by the certificate's issuer, of a certificate that has distribution points: by the end of
    # section 6.3.3 it covers, though the certificate itself says that its lists are others.
    return _concluded(world, issuer_named=True) | _concluded(world, issuer_named=False)


def _concluded(world: World, *, issuer_named: bool) -> frozenset[Verdict]:
    scopes: dict[bytes | None, tuple[frozenset[str], list[ListTold]]] = {}
    for index, slot in enumerate(world.slots):
        covered = _reasons_covered(index, slot, world.slots, issuer_named=issuer_named)
        for told in slot.lists:
            if told.flaw != "other scope":
                before, lists = scopes.get(told.scope[0], (frozenset(), []))
                scopes[told.scope[0]] = (before | covered, [*lists, told])
    groups = [
        (covered, states_of(lists))
        for covered, lists in scopes.values()
        if covered and any(told.base is None for told in lists)
    ]
    verdicts = set()
    for states in product(*(states for _, states in groups)):
        said_good = [covered for (covered, _), state in zip(groups, states, strict=True) if state == "good"]
        if "revoked" in states:
            verdicts.add(Verdict.REVOKED)
        elif frozenset().union(*said_good) == ALL_REASONS:
            verdicts.add(Verdict.GOOD)
            if "unknown" in states:
                verdicts.add(Verdict.NOT_DETERMINED)
        else:
            verdicts.add(Verdict.NOT_DETERMINED)
    return frozenset(verdicts)


def _reasons_covered(
    index: int, slot: SlotTold, slots: Sequence[SlotTold], *, issuer_named: bool
) -> frozenset[str]:
    """Steps (b) and (d): the reasons for which this slot's lists speak for the certificate."""
    if not slot.fits:
        return frozenset()
    of_list = ALL_REASONS if slot.list_reasons is None else slot.list_reasons
    points: frozenset[str] = frozenset()
    for at, point in enumerate(slots):
        if not point.has_point:
            continue
        by_list_issuer = slot.indirect and point.apart == slot.apart
        issuer_fits = by_list_issuer if point.list_issuer else not slot.apart
        if slot.list_named == "":
            name_fits = True
        elif point.point_named:
            name_fits = slot.list_named == "point" and at == index
        else:
            name_fits = slot.list_named == "issuer"
        if issuer_fits and name_fits:
            points |= ALL_REASONS if point.point_reasons is None else point.point_reasons
    # End of section 6.3.3: the implicit point, named by the certificate's issuer.
    by_name = slot.list_named == "issuer" and (issuer_named or not any(one.has_point for one in slots))
    if not slot.apart and (slot.list_named == "" or by_name):
        points = ALL_REASONS
    return points & of_list


def states_of(lists: list[ListTold]) -> set[str]:
    """What the lists of one scope say together: "good", "revoked", "unknown"; several where there is room."""
    verified = [told for told in lists if told.flaw not in ("spoilt", "other key", "in the future")]
    usable = [told for told in verified if told.flaw not in UNUSABLE and not told.odd_entry]
    completes = [told for told in usable if told.base is None]
    akis = {told.scope[1] for told in completes}
    told_by_deltas = [told for told in usable if told.base is not None]
    deltas = sorted(
        (told for told in told_by_deltas if told.scope[1] in akis), key=lambda told: told.number or 0
    )
    found = set()
    for complete in completes:
        found |= _combined(complete, deltas)
        upto = max((i for i, told in enumerate(deltas) if not told.lapsed), default=-1)
        between = [replace(told, lapsed=told.lapsed and i > upto) for i, told in enumerate(deltas)]
        found |= _combined(complete, between)
    believed = [told for told in verified if told.flaw != UNUSABLE[0] and not told.odd_entry]
    if not found:
        # Of what cannot be used to say good, a revocation may count.
        said = (told.says for told in believed if told.base is None or told.says != "removeFromCRL")
        return {"unknown"} | {"revoked" for says in said if says}
    newest = max(number for number, _ in found)
    states = {state for number, state in found if number == newest}
    disagree = any(
        one.this_update >= other.this_update and (one.number or 0) < (other.number or 0)
        for one in completes
        for other in completes
    )
    if newest <= FULL and disagree:
        # Number and time disagree which is fresher (section 5.2.3): either, or the more severe.
        states = {state for _, state in found}
    if states == {"unknown"}:
        # The newest has lapsed: an older one may be used, and a revocation that the newest tells may count.
        states |= {state for _, state in found}
        states |= {"revoked" for told in completes if told.says}
    elif "revoked" in states and len(states) > 1:
        # They contradict each other, which no issuer may do: anything but good. A release that was read while
        # its delta held is the exception: what is newer need not repeat it.
        released = any(told.lapsed and told.says == "removeFromCRL" for told in deltas)
        states = states - (set() if released else {"good"}) | {"unknown"}
    if newest <= FULL and disagree:
        states |= {"revoked" for told in completes if told.says}
    if "unknown" in states and any(told.number == newest and told.says for told in completes):
        states |= {"revoked"}
    if any((told.number or 0) >= newest for told in verified if told not in usable):
        # A newer one that must not be used (sections 5.2, 5.3): whether the older may be is open.
        states |= {"unknown", "revoked"}
    spoken = [told for told in believed if told.base is not None and told.says]
    added = [told for told in spoken if told.says != "removeFromCRL"]
    if any(told not in deltas or told.number == FULL or (told.base or 0) > FULL for told in added):
        # An addition by a delta that does not fit: it is heard all the same, or answered by a newer one.
        states |= {"unknown", "revoked"}
    if spoken and sum(told.base is not None for told in verified) > 1:
        # To be judged: of two deltas with one base the older adds and the newer releases, or one is silent.
        states |= {"unknown", "revoked"} | ({"good"} if added else set())
    return states


def _combined(complete: ListTold, deltas: list[ListTold]) -> set[tuple[int, str]]:
    """Steps (i) to (k) for one complete list and its deltas: up to which number they tell, and what."""
    says, number, current = complete.says, complete.number or 0, not complete.lapsed
    pending = []
    for delta in deltas:
        assert delta.base is not None
        assert delta.number is not None
        if delta.number <= number:
            continue
        if delta.base > number or delta.lapsed:
            pending.append(delta)
            continue
        number, current = delta.number, True
        if delta.says == "removeFromCRL":
            says = "" if says in RELEASABLE else says
        elif delta.says:
            says = delta.says
    added = {delta.says for delta in pending if (delta.number or 0) > number} - {"", "removeFromCRL"}
    if not current:
        return {(number, "unknown")}
    if says or added - {"certificateHold"}:
        return {(number, "revoked")}
    if added:
        return {(number, "unknown"), (number, "revoked")}
    return {(number, "good")}
