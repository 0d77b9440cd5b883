"""Distribution points of the certificate that is looked at closely, in every form, with their lists."""

from __future__ import annotations

from tests.checker.drawn_lists import Slot, drawn_sequence
from tests.checker.making import ListTold, Making, SlotTold
from tests.checker.names import below, directory, full_name, otherwise, relative_name, uri
from tests.checker.written import distribution_point, issuing_point


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
    in_list_too = forms[in_list]
    if in_list == "directoryName" and making.rarely(20, "name written otherwise"):
        in_list_too = full_name(directory(otherwise(below(slot.signer.name, text))))
    return forms[in_point], in_list_too, "" if in_list == "no name" else "point"


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
    if list_issuer is not None and making.rarely(10, "name written otherwise"):
        list_issuer = otherwise(list_issuer)
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
    lists: list[ListTold] = []
    if idp in making.scopes:
        making.note("points of one list")
    else:
        making.scopes.add(idp)
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
