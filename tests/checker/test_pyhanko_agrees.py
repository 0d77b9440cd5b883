"""The checker and pyhanko-certvalidator agree, or a name says why not."""

from __future__ import annotations

import pytest

from tests.checker.agreement import (
    CONTRADICTING,
    EVERY_PAIR,
    LAPSED_ELSEWHERE,
    Difference,
    agree,
    any_list,
    any_slot,
    difference,
    having,
    having_any,
    out_of_reach,
)
from tests.checker.ask_pyhanko import pyhanko_says
from tests.checker.making import World


def signature_unseen(world: World) -> bool:
    """A badly signed list that pyhanko meets while it validates a path to the list's signer."""
    bad = any(t.flaw in ("spoilt", "other key") and t.base is None for s in world.slots for t in s.lists)
    return bad and ("signer own" not in world.parts or "indirectCRL by the issuer itself" in world.parts)


SAME_NUMBER = "delta with the full list's number"
BAD_DELTA = ("spoilt", "other key", "other scope", "other AKI")
BAD_SIGNER = ("signer expired", "signer revoked", "signer on no list", "signer foreign")
BAD_SIGNER += ("signer on its own list", "signer no cRLSign")

#: What is known of pyhanko-certvalidator 0.33 (revinfo/validate_crl.py), each with who is right and why.
TABLE: dict[str, Difference] = {
    "removeFromCRL in a complete list": difference(
        "pyhanko reads the entry as no revocation. Section 5.3.1 has that reason in deltas only, and the "
        "entry is one of a revoked certificate.",
        any_list(lambda told: told.base is None and told.says == "removeFromCRL"),
        *("R/G", "R/N"),
    ),
    "removal of what is not on hold": difference(
        "pyhanko lets a delta's removeFromCRL lift any revocation, as section 6.3.3 (i) to (k) read alone. "
        "Section 5.3.1 has it for what was on hold, and the checker releases no key that was compromised.",
        having_any("removal of keyCompromise", "removal of superseded", "removal of removeFromCRL"),
        *("R/G", "R/N"),
    ),
    "signature never checked": difference(
        "pyhanko remembers a list's signer while it validates that signer's path, and afterwards takes the "
        "list without verifying its signature (section 6.3.3 (g)).",
        signature_unseen,
        *("N/G", "N/R", "G/R", "R/G"),
    ),
    "signer not valid": difference(
        "pyhanko takes lists of a signer whose path is not valid, for the same reason, and reports that a "
        "signer is revoked as if the certificate were. Section 6.3.3 (f) wants a valid path first.",
        having_any(*BAD_SIGNER),
        *("N/G", "N/R", "R/N", "G/N"),
    ),
    "list by whomever the issuer certified": difference(
        "pyhanko takes a list of another name when its signer's certificate is by the certificate's issuer. "
        "Section 6.3.3 (b)(1) asks for the issuer's name, or the cRLIssuer of a point.",
        having("cRLIssuer missing"),
        *("N/G", "N/R"),
    ),
    "points taken together": difference(
        "pyhanko finds the cRLIssuer in one distribution point and the list's name in another; section 6.3.3 "
        "(b) asks for both in the same.",
        lambda world: sum(slot.has_point for slot in world.slots) > 1 and having("indirect")(world),
        *("N/G", "N/R", "G/R"),
    ),
    "cRLIssuer of the issuer's own name": difference(
        "pyhanko uses no list without indirectCRL once a point has a cRLIssuer. By the end of section 6.3.3 "
        "the issuer's own lists are tried after the points.",
        any_slot(lambda slot: slot.list_issuer and not slot.apart),
        *("R/N", "G/N"),
    ),
    "points of some reasons": difference(
        "pyhanko does not look at the reasons of a distribution point (section 6.3.3 (d)).",
        having_any("reasons split by points", "reasons split by half a point"),
        *("N/G", "R/G"),
    ),
    "an older list": difference(
        "pyhanko lets each complete list revoke that it is given. By section 6.3.3 (a) the freshest decides.",
        having("two complete lists"),
        *("G/R", "N/R"),
    ),
    "newest list has lapsed": difference(
        "pyhanko goes by an older list that has not lapsed; the checker forgets nothing the newest says.",
        having("two complete lists", "complete 20 lapsed"),
        *("R/G", "N/G", "R/N"),
    ),
    "lapsed list with a current delta": difference(
        "pyhanko does not use a lapsed list. Section 6.3.3 (a) lets a current delta bring it up to date.",
        having("lapsed", "delta"),
        *("R/N", "G/N", "R/G"),
    ),
    "older list and delta contradict the newest": CONTRADICTING,
    "lapsed list of another point": LAPSED_ELSEWHERE,
    "delta without freshestCRL": difference(
        "pyhanko looks for deltas only when the list has a freshestCRL. The checker uses every delta it is "
        "given; section 6.3.3 (c) does not ask where it came from.",
        having_any("delta without freshestCRL", "freshestCRL in the certificate"),
        *EVERY_PAIR,
    ),
    "freshestCRL and no delta that holds": difference(
        "pyhanko determines nothing when a list has a freshestCRL and the delta for it is of another scope "
        "or key, or badly signed. Section 6.3.3 (c) combines a delta where there is one.",
        any_list(lambda told: told.base is not None and told.flaw in BAD_DELTA),
        *("R/N", "G/N", "R/G"),
    ),
    "several deltas": difference(
        "pyhanko takes one delta only, that of the latest thisUpdate. By section 5.2.4 they build on each "
        "other.",
        any_slot(lambda slot: sum(told.base is not None for told in slot.lists) > 1),
        *EVERY_PAIR,
    ),
    "lapsed delta": difference(
        "pyhanko passes over a delta whose nextUpdate has passed. Here its additions never become good.",
        any_list(lambda told: told.base is not None and told.lapsed),
        *("R/G", "N/G"),
    ),
    "delta numbers": difference(
        "pyhanko compares neither base nor number of a delta with the list's (section 5.2.4 (c) and (d)).",
        lambda world: any(map(out_of_reach, world.slots)) or having(SAME_NUMBER)(world),
        *EVERY_PAIR,
    ),
    "delta before the list": difference(
        "pyhanko reads the delta first, and when that says something no longer sees that the complete list "
        "must not be used for an unknown critical extension of an entry (section 5.3).",
        any_list(lambda told: told.base is None and told.odd_entry),
        *("N/R", "N/G"),
    ),
    "nextUpdate is absent": difference(
        "pyhanko gives such a list half an hour. Section 5.1.2.5 requires the field; the checker believes "
        "what the list revokes.",
        any_list(lambda told: told.flaw == "no nextUpdate"),
        *("R/N", "R/G"),
    ),
    "leaf expired": difference(
        "pyhanko does not ask for the revocation of an expired certificate; here revoked counts more.",
        having("leaf expired"),
        "R/N",
    ),
}

#: Where the other may well be right.
TO_BE_JUDGED: dict[str, Difference] = {
    "delta that must not be used": difference(
        "With an unknown critical extension in a delta's entry pyhanko determines nothing. The checker goes "
        "by the complete list alone (section 5.3 forbids to use the delta, and says no more).",
        any_list(lambda told: told.base is not None and told.odd_entry),
        *("R/N", "R/G", "G/N"),
    ),
}


@pytest.mark.parametrize("examples", [150, pytest.param(2000, marks=pytest.mark.slow)])
def test_pyhanko_agrees_or_a_name_says_why_not(examples: int) -> None:
    """In random hierarchies both say good, revoked, not determined or path invalid alike, but for names."""
    names = agree(examples, pyhanko_says, TABLE | TO_BE_JUDGED)
    if examples >= 2000:
        unused = TABLE.keys() - names.keys()
        assert len(unused) <= 5, f"are they needed any more? {sorted(unused)}"
