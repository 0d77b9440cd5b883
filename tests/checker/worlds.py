"""Random small PKIs: a root, up to two intermediates, a leaf, whoever signs the lists, and the lists.

One certificate of the path is looked at closely: its distribution points and lists are drawn in every form.
The others have a current list each, so that a world is mostly decided by the one that matters.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.checker.drawn_lists import DELTA_POINT, Signer, Slot
from tests.checker.drawn_points import drawn_slot
from tests.checker.making import DAY, Authority, Making, World
from tests.checker.names import common_name
from tests.checker.written import (
    CERT_SIGN,
    CRL_SIGN,
    DIGITAL_SIGNATURE,
    REASON_BITS,
    Key,
    certificate,
    distribution_point,
)
from tests.der_writer import T0

#: Two for each choice; a world with everything takes fewer, and what is not decided is harmless.
OCTETS = 400
FIRST_HALF = ("keyCompromise", "cACompromise", "certificateHold")
SIGNER_FLAWS = ("no cRLSign", "expired", "revoked", "on no list", "on its own list")
SECOND_HALF = tuple(reason for reason in REASON_BITS if reason not in FIRST_HALF)

__all__ = ["World", "worlds"]


def worlds() -> st.SearchStrategy[World]:
    """Worlds; they shrink to what is least remarkable."""
    return st.binary(min_size=OCTETS, max_size=OCTETS).map(world_of)


def world_of(octets: bytes) -> World:
    """The world that these octets decide on."""
    making = Making(octets)
    depth = making.pick((0, 3), (1, 5), (2, 2))
    close = making.pick((depth, 4), (max(depth - 1, 0), 1))  # this many authorities below the root issue it
    path_flaw = making.pick(("", 40), ("leaf spoilt", 1), ("intermediate expired", 1), ("not a CA", 1))
    issuer = making.anchor("Root")
    for level in range(depth):
        subject, key = common_name(f"Intermediate {level + 1}"), making.key()
        flaws: dict[str, Any] = {}
        if path_flaw == "intermediate expired" and level == depth - 1:
            flaws["not_after"] = T0 - DAY
        if path_flaw == "not a CA" and level == depth - 1:
            flaws |= {"ca": False, "usage": (DIGITAL_SIGNATURE,)}
        if flaws:
            making.note("path flaw")
        if level == close:
            der = closely(making, issuer, subject, key, is_ca=True, **flaws)
        else:
            role = f"intermediate {level + 1}"
            revoked = making.rarely(4, "an intermediate revoked")
            whole = level > close or level < close - 1
            der = making.certify(issuer, subject, key, role=role, whole=whole, revoked=revoked, **flaws)
        making.others.append(der)
        making.path.insert(0, der)
        issuer = Authority(f"Intermediate {level + 1}", subject, key, issuer)
    leaf: dict[str, Any] = {"spoilt": path_flaw == "leaf spoilt"}
    if path_flaw == "leaf spoilt":
        making.note("path flaw")
    if making.rarely(3, "leaf expired"):
        leaf["not_after"] = T0 - DAY
    subject, key = common_name("Leaf"), making.key()
    if close == depth:
        return making.finished(closely(making, issuer, subject, key, is_ca=False, **leaf))
    return making.finished(making.certify(issuer, subject, key, role="leaf", ca=False, **leaf))


def closely(
    making: Making, issuer: Authority, subject: bytes, key: Key, *, is_ca: bool, **written: Any
) -> bytes:
    """The certificate that the world is about, and its lists."""
    serial = making.serial()
    if issuer.above is not None and making.rarely(10, "decoy"):
        making.decoy(issuer.above, serial)
    signer, signed_by = drawn_signer(making, issuer)
    making.note(f"signer {signer.kind}")
    making.told.append(
        f"closely: serial {serial} by {issuer.text}, signed with key {signed_by.number}, CA {is_ca}"
    )
    split = making.pick(("", 12), ("lists", 4), ("points", 2), ("half a list", 1), ("half a point", 1))
    halves: list[tuple[tuple[str, ...] | None, tuple[str, ...] | None]] = [(None, None)]
    if split:
        making.note("reasons", f"reasons split by {split}")
        halves = {
            "lists": [(None, FIRST_HALF), (None, SECOND_HALF)],
            "points": [(FIRST_HALF, None), (SECOND_HALF, None)],
            "half a list": [(None, FIRST_HALF)],
            "half a point": [(SECOND_HALF, None)],
        }[split]
    elif making.rarely(8, "two points of all reasons"):
        halves = [(None, None), (None, None)]
    points = []
    for index, (point_reasons, list_reasons) in enumerate(halves):
        slot = Slot(index, serial, issuer, is_ca, signer, point_reasons, list_reasons)
        found = drawn_slot(making, slot)
        if found is not None and found not in points:
            points.append(found)
    written.setdefault("ca", is_ca)
    written.setdefault("usage", (CERT_SIGN, CRL_SIGN) if is_ca else (DIGITAL_SIGNATURE,))
    return certificate(
        serial=serial,
        issuer=issuer.name,
        signed_by=signed_by,
        subject=subject,
        key=key,
        points=points,
        freshest=DELTA_POINT if "freshestCRL in the certificate" in making.parts else (),
        **written,
    )


def drawn_signer(making: Making, issuer: Authority) -> tuple[Signer, Key]:
    """Who signs the lists, and the key that signs the certificate."""
    kind = making.pick(("own", 8), ("rolled", 4), ("apart", 3), ("indirect", 5), ("foreign", 1))
    if kind == "own":
        return Signer(kind, issuer.name, issuer.key), issuer.key
    if kind == "rolled":
        # RFC 5280 section 6.1: a self-issued certificate carries trust from one key to the other.
        new = making.key()
        rolled = making.certify(issuer, issuer.name, new, role="self-issued")
        making.others.append(rolled)
        how = making.pick(("list with the new key", 2), ("certificate with the new key", 2), ("both", 1))
        making.note(f"roll: {how}")
        if how != "list with the new key":
            making.path.insert(0, rolled)
        list_key = issuer.key if how == "certificate with the new key" else new
        return Signer(kind, issuer.name, list_key), issuer.key if how == "list with the new key" else new
    key = making.key()
    signer = Signer(kind, issuer.name, key)
    if kind == "foreign":
        stranger = making.anchor("Stranger")
        making.others.append(making.certify(stranger, issuer.name, key, role="foreign signer", whole=True))
        return signer, issuer.key
    if kind == "indirect":
        signer = Signer(kind, common_name("Lists for others"), key, apart=True)
    root = issuer
    while root.above is not None:
        root = root.above
    points: tuple[bytes, ...] | None = None
    by = making.pick((issuer, 2), (issuer.above or issuer, 2), (root, 1))
    flaw = making.pick(("", 14), *((flaw, 1) for flaw in SIGNER_FLAWS))
    if flaw == "on its own list":
        if kind == "indirect":
            # NIST PKITS 4.14.30: the signer's certificate says that its own list is the one to ask.
            points = (distribution_point(None, list_issuer=signer.name),)
        else:
            flaw = "on no list"
    if flaw == "on no list" and by.name in making.wholly:
        flaw = ""
    if flaw:
        making.note(f"signer {flaw}")
    making.others.append(
        making.certify(
            by,
            signer.name,
            key,
            role=f"signer {kind}",
            ca=False,
            usage=(DIGITAL_SIGNATURE,) if flaw == "no cRLSign" else (CRL_SIGN,),
            revoked=flaw == "revoked",
            listed=flaw not in ("on no list", "on its own list"),
            points=points,
            **({"not_after": T0 - DAY} if flaw == "expired" else {}),
        )
    )
    return signer, issuer.key
