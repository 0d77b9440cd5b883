"""Lists of one scope, which say something of one certificate, for the tests of deltas.py."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from revocation.checker.deltas import Said, said, severity
from revocation.checker.lists import HeldList
from tests.checker.material import DAY, KEY_COMPROMISE, NOW, Entity, held
from tests.der_writer import T0, der_oid, seq
from tests.forged_lists import entry

_CA = Entity("CA")
ABSENT = 0xFF
EARLY = {"this_update": T0 - 3 * DAY}
LAPSED = {"this_update": T0 - 2 * DAY, "next_update": T0 - DAY}


def of_scope(number: int | None, *codes: int | None, base: int | None = None, **forged: Any) -> HeldList:
    """A list that names the certificate once for each code (None: without a reason), and a stranger."""
    entries = [entry(1, reason=code) for code in codes]
    return held(_CA, entry(2, reason=KEY_COMPROMISE), *entries, number=number, delta_base=base, **forged)


def is_said(current: bool, reason: int | None, by: HeldList) -> Said:
    return Said(current, reason, by, None)


def listed(one: HeldList) -> Sequence[int]:
    return list(one.reasons_of(_CA.subject, b"\x01"))


def answer(*lists: HeldList, at: datetime = NOW) -> Said:
    found = said(lists, listed, at)
    assert found is not None
    again = said(lists[::-1], listed, at)
    # The order in which they were given says nothing.
    assert again is not None
    assert (again.is_current, severity(again.reason)) == (found.is_current, severity(found.reason))
    assert again.by.is_current(at) == found.by.is_current(at)
    return found


#: Forges a list of which there is a doubt: SHA-1 in its signature.
WEAK = {"inner_algorithm": seq(der_oid("1.2.840.10045.4.1"))}
