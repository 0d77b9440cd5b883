"""What a world's verdict must be, from what was drawn for it: RFC 5280 section 6.3.3 on plain facts, without DER.

Independent of every checker; where the RFC leaves room more than one verdict is right.
"""

from __future__ import annotations

from collections.abc import Iterable

from tests.checker.agreement import Verdict
from tests.checker.making import ListTold, SlotTold, World
from tests.checker.written import REASON_BITS

ALL_REASONS = frozenset(REASON_BITS)
UNUSABLE_SIGNER = ("signer foreign", "signer no cRLSign", "signer expired", "signer revoked", "signer on no list")
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
    if not world.parts.isdisjoint(UNUSABLE_SIGNER):
        return NOT_DETERMINED
    scopes: dict[bytes, tuple[frozenset[str], list[ListTold]]] = {}
    for index, slot in enumerate(world.slots):
        covered = _reasons_covered(index, slot, world.slots)
        for told in slot.lists:
            if told.flaw != "other scope":
                before, lists = scopes.get(told.scope, (frozenset(), []))
                scopes[told.scope] = (before | covered, [*lists, told])
    reasons: frozenset[str] = frozenset()
    might_cover: frozenset[str] = frozenset()
    states = set()
    for covered, lists in scopes.values():
        if not covered:
            continue
        said = states_of(lists)
        states |= said
        if said == {"good"}:
            reasons |= covered
        if "good" in said:
            might_cover |= covered
    verdicts = set()
    if "revoked" in states:
        verdicts.add(Verdict.REVOKED)
        if len(states) == 1 or "maybe revoked" not in states:
            pass
    if "maybe" in states:
        verdicts |= {Verdict.NOT_DETERMINED, Verdict.REVOKED}
    if "revoked" not in states or "maybe" in states:
        if might_cover == ALL_REASONS:
            verdicts.add(Verdict.GOOD)
        if reasons != ALL_REASONS:
            verdicts.add(Verdict.NOT_DETERMINED)
    return frozenset(verdicts)


def _reasons_covered(index: int, slot: SlotTold, slots: Iterable[SlotTold]) -> frozenset[str]:
    """Steps (b) and (d): the reasons for which this slot's lists speak for the certificate."""
    if not slot.fits:
        return frozenset()
    of_list = ALL_REASONS if slot.list_reasons is None else slot.list_reasons
    points: frozenset[str] = frozenset()
    for at, point in enumerate(slots):
        if not point.has_point:
            continue
        if point.list_issuer:
            issuer_fits = slot.indirect and point.apart == slot.apart
        else:
            issuer_fits = not slot.apart
        if slot.list_named == "":
            name_fits = True
        elif point.point_named:
            name_fits = slot.list_named == "point" and at == index
        else:
            name_fits = slot.list_named == "issuer"
        if issuer_fits and name_fits:
            points |= ALL_REASONS if point.point_reasons is None else point.point_reasons
    # End of section 6.3.3: the implicit point, named by the certificate's issuer.
    if not slot.apart and slot.list_named in ("", "issuer"):
        points = ALL_REASONS
    return points & of_list


def states_of(lists: list[ListTold]) -> set[str]:
    """What the lists of one scope say together: "good", "revoked", "unknown"; several where there is room."""
    verified = [told for told in lists if told.flaw not in ("spoilt", "other key")]
    usable = [
        told
        for told in verified
        if told.flaw not in ("no nextUpdate", "in the future", "unknown critical extension")
        and not told.odd_entry
    ]
    completes = [told for told in usable if told.base is None]
    deltas = sorted((told for told in usable if told.base is not None), key=lambda told: told.number or 0)
    found = set()
    for complete in completes:
        found.add((complete.number or 0, complete.this_update, _combined(complete, deltas)))
    if not found:
        return {"unknown"}
    newest = max(found)
    if any(told.odd_entry and told.base is not None and (told.number or 0) > newest[0] for told in verified):
        # A delta that must not be used (section 5.3); whether the list before it may be is open.
        found |= {(newest[0], newest[1], "unknown")}
    states = {state for number, when, state in found if number == newest[0] or when >= newest[1]}
    if newest[2] == "unknown":
        # The freshest lapsed; an older one that has not may or may not be used.
        states |= {state for _, _, state in found}
    if len(completes) < sum(told.base is None for told in verified):
        states |= {"unknown"} if states != {"revoked"} else set()
    return states


def _combined(complete: ListTold, deltas: list[ListTold]) -> str:
    """Steps (i) to (k) for one complete list and every delta that applies."""
    says, number, current = complete.says, complete.number or 0, not complete.lapsed
    pending = []
    for delta in deltas:
        assert delta.base is not None
        assert delta.number is not None
        if delta.number <= number:
            continue
        if delta.lapsed or delta.base > number:
            pending.append(delta.says)
            continue
        number, current = delta.number, True
        if delta.says == "removeFromCRL":
            says = "" if says == "certificateHold" else says
        elif delta.says:
            says = delta.says
    if not current:
        return "unknown"
    if says:
        return "revoked"
    if any(said not in ("", "removeFromCRL", "certificateHold") for said in pending):
        return "revoked"
    return "unknown" if "certificateHold" in pending else "good"
