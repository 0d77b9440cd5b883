"""The lists of one scope: complete ones and deltas, of every age, with one flaw or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tests.checker.making import DAY, HOUR, Authority, ListTold, Making
from tests.checker.names import common_name, full_name, otherwise, uri
from tests.checker.written import REASON_BITS, Entry, Key, certificate_list, distribution_point, issuing_point
from tests.der_writer import T0

DELTA_POINT = (distribution_point(full_name(uri("http://lists.test/delta.crl"))),)
ELSEWHERE = common_name("Somebody else")


@dataclass(frozen=True)
class Signer:
    """Who signs the lists: by which name and key."""

    kind: str
    name: bytes
    key: Key
    apart: bool = False  # a name other than the certificate issuer's (RFC 5280 section 5.2.5, indirectCRL)


@dataclass(frozen=True)
class Slot:
    """One distribution point of the certificate with its lists."""

    index: int
    serial: int
    issuer: Authority
    is_ca: bool
    signer: Signer
    point_reasons: tuple[str, ...] | None = None
    list_reasons: tuple[str, ...] | None = None


def drawn_entries(making: Making, slot: Slot, state: str, *, indirect: bool) -> tuple[list[Entry], str]:
    """The entries of one list that is meant to say this ("" is absent), and what it does say."""
    reason = "" if state == "no reason" else state
    odd = bool(state) and making.rarely(3, "unknown critical entry extension")
    mine = Entry(slot.serial, reason, unknown_critical=odd)
    if not indirect:
        return [Entry(7001), *([mine] if state else []), Entry(7002, "superseded")], state
    named = Entry(slot.serial, reason, slot.issuer.name, unknown_critical=odd)
    if state and making.rarely(8, "name written otherwise"):
        named = replace(named, issuer=otherwise(slot.issuer.name))
    others = Entry(slot.serial, "keyCompromise", ELSEWHERE)
    if not state:
        making.note("same serial of another issuer")
        return [Entry(7001, issuer=slot.issuer.name), others, Entry(7002)], ""
    how = making.pick(("named", 3), ("sticky", 3), ("after another", 1), ("unnamed", 1))
    making.note(f"entry {how}")
    if how == "named":
        return [Entry(7001), named, Entry(7002, issuer=ELSEWHERE)], state
    if how == "sticky":
        return [Entry(7001, issuer=slot.issuer.name), Entry(7002), mine], state
    if how == "after another":
        return [Entry(7001, issuer=ELSEWHERE), Entry(slot.serial, "superseded"), named], state
    # Without a certificateIssuer before it the entry is of the list's own issuer (section 5.3.3).
    return [mine, Entry(7001, issuer=ELSEWHERE)], "" if slot.signer.apart else state


def drawn_state(making: Making, slot: Slot, *, delta: bool = False) -> str:
    """What a list says of the certificate; a list of some reasons says only these."""
    allowed = [
        r
        for r in ("keyCompromise", "certificateHold", "superseded")
        if r in (slot.list_reasons or REASON_BITS)
    ]
    choices = [("", 9), *((reason, 2) for reason in allowed)]
    if slot.list_reasons is None:
        choices.append(("no reason", 1))
    if delta:
        choices.append(("removeFromCRL", 4))
    elif making.rarely(3):
        choices = [("removeFromCRL", 1)]
    return making.pick(*choices)


def drawn_sequence(making: Making, slot: Slot, idp: bytes | None, *, indirect: bool) -> list[ListTold]:
    """One or two complete lists and up to two deltas of one scope."""
    two = making.rarely(30, "two complete lists")
    deltas = making.pick((0, 6), (1, 5), (2, 1))
    freshest: Sequence[bytes] = ()
    if deltas:
        making.note("delta")
        where = making.pick(("list", 16), ("nowhere", 2), ("certificate", 2))
        if where == "list":
            freshest = DELTA_POINT
        elif where == "certificate":
            making.note("freshestCRL in the certificate")
        else:
            making.note("delta without freshestCRL")
        if deltas == 2:
            making.note("two deltas")
    backwards = two and making.rarely(6, "number and time disagree")
    flawed = making.pick(("", 25), *((flaw, 1) for flaw in LIST_FLAWS))
    plain = idp is None and not deltas and not two and flawed != "unknown critical extension"
    bare = plain and making.rarely(8, "list without extensions")
    aki = not making.rarely(8, "list without AKI")
    issuer = slot.signer.name
    if making.rarely(8, "name written otherwise"):
        issuer = otherwise(issuer)
    states: list[str] = []
    told: list[ListTold] = []
    for number in (10, 20) if two else (20,):
        age = 3 * DAY if (number == 10) != backwards else DAY
        lapsed = making.rarely(30 if number == 10 else 8, "lapsed", f"complete {number} lapsed")
        flaw = flawed if number == 20 else ""
        state = drawn_state(making, slot)
        states.append(state)
        _write(
            making,
            slot,
            told,
            state,
            indirect=indirect,
            issuer=issuer,
            number=None if bare else number,
            this_update=T0 - age,
            next_update=T0 - 2 * HOUR if lapsed else T0 + DAY,
            idp=idp,
            freshest=freshest,
            aki=aki,
            flaw=flaw,
        )
    for number in (25, 30)[:deltas]:
        together = number == 25 and making.rarely(8, "delta with the full list's number")
        base = making.pick((20, 6), (10, 4), (22, 1))
        if base == 22:
            making.note("delta base out of reach")
        lapsed = making.rarely(15, "lapsed", f"delta {number} lapsed")
        state = drawn_state(making, slot, delta=True)
        if state == "removeFromCRL":
            making.note("removeFromCRL in a delta", f"removal of {states[-1] or 'nothing'}")
        elif state:
            making.note("addition in a delta")
        _write(
            making,
            slot,
            told,
            state,
            indirect=indirect,
            issuer=issuer,
            number=20 if together else number,
            this_update=T0 - DAY if together else T0 - (35 - number) * HOUR,
            next_update=T0 - HOUR if lapsed else T0 + 6 * HOUR,
            idp=idp,
            freshest=(),
            aki=aki,
            base=base,
            flaw=making.pick(("", 32), *((flaw, 1) for flaw in (*LIST_FLAWS, "other scope", "other AKI"))),
        )
    return told


LIST_FLAWS = ("spoilt", "unknown critical extension", "no nextUpdate", "in the future", "other key")


def _write(
    making: Making,
    slot: Slot,
    told: list[ListTold],
    state: str,
    *,
    indirect: bool,
    issuer: bytes,
    number: int | None,
    this_update: datetime,
    next_update: datetime | None,
    idp: bytes | None,
    freshest: Sequence[bytes],
    aki: bool,
    base: int | None = None,
    flaw: str = "",
) -> None:
    """Adds one list, with the one flaw drawn for it."""
    kind = "complete" if base is None else "delta"
    entries, says = drawn_entries(making, slot, state, indirect=indirect)
    if flaw:
        making.note(f"{kind} {flaw}")
    if state == "removeFromCRL" and base is None:
        making.note("removeFromCRL in a complete list")
    key = making.key() if flaw == "other key" else slot.signer.key
    aki = aki != (flaw == "other AKI")
    if flaw == "other scope":
        idp = issuing_point(full_name(uri("http://lists.test/other-scope.crl")))
    if flaw == "in the future":
        this_update, next_update = T0 + HOUR, T0 + DAY
    making.lists.append(
        certificate_list(
            issuer=issuer,
            signed_by=key,
            number=number,
            this_update=this_update,
            next_update=None if flaw == "no nextUpdate" else next_update,
            entries=entries,
            idp=idp,
            base=base,
            freshest=freshest,
            aki=aki,
            unknown_critical=flaw == "unknown critical extension",
            spoilt=flaw == "spoilt",
        )
    )
    lapsed = next_update is not None and next_update < T0
    odd = any(entry.unknown_critical for entry in entries)
    told.append(
        ListTold((idp, aki), base, number, this_update, lapsed, flaw, says, odd, freshest=bool(freshest))
    )
    said = f"  {kind} {number}" + ("" if base is None else f" base {base}") + f": {says or 'absent'}"
    said += ("" if says == state else f" (meant {state})") + (", lapsed" if lapsed else "")
    making.told.append(said + (f", {flaw}" if flaw else "") + (", odd entry" if odd else ""))
