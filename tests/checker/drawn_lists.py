"""Distribution points and the lists behind them, in every form and combination of forms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tests.checker.making import DAY, HOUR, Authority, ListTold, Making, SlotTold
from tests.checker.written import (
    REASON_BITS,
    Entry,
    Key,
    below,
    certificate_list,
    common_name,
    directory,
    distribution_point,
    full_name,
    issuing_point,
    relative_name,
    uri,
)
from tests.der_writer import T0

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


def point_names(making: Making, slot: Slot) -> tuple[bytes | None, bytes | None, str]:
    """The name in the certificate, the name in the list, and whose name that is."""
    text = f"point-{slot.index}"
    place = directory(below(slot.signer.name, text))
    link = uri(f"http://lists.test/{text}.crl")
    forms: dict[str, bytes | None] = {
        "directoryName": full_name(place),
        "URI": full_name(link),
        "both": full_name(link, place),
        "relative": relative_name(text),
        "no name": None,
    }
    alike = [("directoryName", "directoryName"), ("URI", "URI"), ("both", "both"), ("relative", "relative")]
    crossed = [("directoryName", "relative"), ("relative", "directoryName"), ("both", "URI"), ("URI", "both")]
    crossed += [("both", "relative"), ("relative", "both"), ("directoryName", "both")]
    open_ones = [(in_point, "no name") for in_point in forms]
    how = making.pick(
        ("none", 8), ("alike", 10), ("crossed", 6), ("open", 3), ("differing", 2), ("issuer", 1)
    )
    if how == "none":
        return None, None, ""
    if how == "differing":
        making.note("names differ")
        in_point = making.pick(*((f, 1) for f in forms))
        in_list = making.pick((full_name(uri("http://lists.test/other.crl")), 1), (relative_name("other"), 1))
        making.told.append(f"point {slot.index}: {in_point} in the certificate, another in the list")
        making.note(f"point {in_point}")
        return forms[in_point], in_list, "other"
    if how == "issuer":
        # RFC 5280 section 6.3.3 (b)(2)(i): a point without a name stands for its cRLIssuer, and the
        # implicit point for the certificate's issuer.
        making.note("list named by its issuer")
        making.told.append(f"point {slot.index}: no name in the certificate, the issuer's own in the list")
        return None, full_name(directory(slot.signer.name)), "issuer"
    chosen = {"alike": alike, "crossed": crossed, "open": open_ones}[how]
    in_point, in_list = making.pick(*((pair, 1) for pair in chosen))
    making.note(
        f"point {in_point}", f"list {in_list}", "partition" if in_list != "no name" else "no partition"
    )
    making.told.append(f"point {slot.index}: {in_point} in the certificate, {in_list} in the list")
    return forms[in_point], forms[in_list], "" if in_list == "no name" else "point"


def drawn_slot(making: Making, slot: Slot) -> bytes | None:
    """The certificate's distribution point, if it has one; the lists are added to the world."""
    in_point, in_list, named = point_names(making, slot)
    indirect = slot.signer.apart
    if indirect:
        making.note("indirect")
        if making.rarely(5, "indirectCRL missing"):
            indirect = False
    elif making.rarely(5, "indirectCRL by the issuer itself"):
        indirect = True
    list_issuer = slot.signer.name if slot.signer.apart else None
    if slot.signer.apart and making.rarely(8, "cRLIssuer missing"):
        list_issuer = None
    elif (
        not slot.signer.apart and in_point is not None and making.rarely(5, "cRLIssuer is the issuer itself")
    ):
        list_issuer = slot.issuer.name
    fitting, other = ("ca", "user") if slot.is_ca else ("user", "ca")
    scope = making.pick(("", 12), (fitting, 5), (other, 1), ("attribute", 1))
    if scope:
        making.note("scope fits" if scope == fitting else f"scope {scope} does not fit")
    idp = None
    if named or indirect or scope or slot.list_reasons is not None:
        idp = issuing_point(in_list, scope=scope, reasons=slot.list_reasons, indirect=indirect)
    said = f"slot {slot.index}: signer {slot.signer.kind}, key {slot.signer.key.number}"
    said += f", scope {scope or 'all'}, reasons {slot.list_reasons} in list, {slot.point_reasons} in point"
    making.told.append(said + (", indirect" if indirect else ""))
    lists = drawn_sequence(making, slot, idp, indirect=indirect)
    has_point = in_point is not None or list_issuer is not None
    making.slots.append(
        SlotTold(
            has_point=has_point,
            point_named=in_point is not None,
            list_issuer=list_issuer is not None,
            list_named=named,
            fits=scope in ("", fitting),
            apart=slot.signer.apart,
            indirect=indirect,
            point_reasons=None if slot.point_reasons is None else frozenset(slot.point_reasons),
            list_reasons=None if slot.list_reasons is None else frozenset(slot.list_reasons),
            lists=tuple(lists),
        )
    )
    if not has_point:
        if slot.point_reasons is not None:
            making.note("point of reasons only left out")
        return None
    return distribution_point(in_point, reasons=slot.point_reasons, list_issuer=list_issuer)


def drawn_entries(making: Making, slot: Slot, state: str, *, indirect: bool) -> tuple[list[Entry], str]:
    """The entries of one list that is meant to say this ("" is absent), and what it does say."""
    reason = "" if state == "no reason" else state
    odd = bool(state) and making.rarely(3, "unknown critical entry extension")
    mine = Entry(slot.serial, reason, unknown_critical=odd)
    if not indirect:
        return [Entry(7001), *([mine] if state else []), Entry(7002, "superseded")], state
    named = Entry(slot.serial, reason, slot.issuer.name, unknown_critical=odd)
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
        if not making.rarely(12, "delta without freshestCRL"):
            freshest = (distribution_point(full_name(uri("http://lists.test/delta.crl"))),)
        if deltas == 2:
            making.note("two deltas")
    bare = idp is None and not deltas and not two and making.rarely(8, "list without extensions")
    backwards = two and making.rarely(6, "number and time disagree")
    flawed = making.pick(("", 25), *((flaw, 1) for flaw in LIST_FLAWS))
    aki = not making.rarely(8, "list without AKI")
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
            number=20 if together else number,
            this_update=T0 - DAY if together else T0 - (35 - number) * HOUR,
            next_update=T0 - HOUR if lapsed else T0 + 6 * HOUR,
            idp=idp,
            freshest=(),
            aki=aki,
            base=base,
            flaw=making.pick(("", 16), ("other scope", 1), ("other key", 1), ("spoilt", 1)),
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
    if flaw == "other scope":
        idp = issuing_point(full_name(uri("http://lists.test/other-scope.crl")))
    if flaw == "in the future":
        this_update, next_update = T0 + HOUR, T0 + DAY
    making.lists.append(
        certificate_list(
            issuer=slot.signer.name,
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
        ListTold(idp or b"", base, number, this_update, lapsed, flaw, says, odd, freshest=bool(freshest))
    )
    said = f"  {kind} {number}" + ("" if base is None else f" base {base}") + f": {says or 'absent'}"
    said += ("" if says == state else f" (meant {state})") + (", lapsed" if lapsed else "")
    making.told.append(said + (f", {flaw}" if flaw else "") + (", odd entry" if odd else ""))
