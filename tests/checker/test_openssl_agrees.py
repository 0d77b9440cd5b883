"""The checker and `openssl verify -crl_check_all -use_deltas -extended_crl` agree, or a name says why not."""

from __future__ import annotations

from pathlib import Path

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
from tests.checker.ask_openssl import openssl_says
from tests.checker.making import World

named_by_issuer = any_slot(lambda slot: slot.list_named == "issuer" and not slot.apart)


def nameless_point_and_named_list(world: World) -> bool:
    nameless = any(slot.list_issuer and not slot.point_named for slot in world.slots)
    return nameless and any(slot.list_named != "" for slot in world.slots)


#: What is known of OpenSSL 3.0 (crypto/x509/x509_vfy.c), each with who is right and why.
TABLE: dict[str, Difference] = {
    "removeFromCRL in a complete list": difference(
        "OpenSSL reads the entry as no revocation. Section 5.3.1 has that reason in deltas only, and the "
        "entry is one of a revoked certificate.",
        any_list(lambda told: told.base is None and told.says == "removeFromCRL"),
        *("R/G", "R/N"),
    ),
    "removal of what is not on hold": difference(
        "OpenSSL lets a delta's removeFromCRL lift any revocation, as section 6.3.3 (i) to (k) read alone. "
        "Section 5.3.1 has it for what was on hold, and the checker releases no key that was compromised.",
        having_any("removal of keyCompromise", "removal of superseded", "removal of removeFromCRL"),
        "R/G",
    ),
    "list named by its issuer": difference(
        "OpenSSL knows no implicit distribution point named by the certificate's issuer (end of 6.3.3).",
        lambda world: named_by_issuer(world) and not any(slot.has_point for slot in world.slots),
        *("R/N", "G/N"),
    ),
    "point without a name": difference(
        "OpenSSL takes a list of any name for a point that has only a cRLIssuer. Section 6.3.3 (b)(2)(i) "
        "compares the cRLIssuer with the list's names.",
        nameless_point_and_named_list,
        *("N/G", "N/R"),
    ),
    "cRLIssuer without indirectCRL": difference(
        "OpenSSL asks for no indirectCRL when a point names the certificate's issuer as cRLIssuer. Section "
        "6.3.3 (b)(1) does, and section 4.2.1.13 forbids such a point.",
        any_slot(lambda slot: slot.list_issuer and not slot.apart and not slot.indirect),
        *("N/G", "N/R", "G/R"),
    ),
    "points of some reasons": difference(
        "OpenSSL takes the reasons of the first point that fits a list. Section 6.3.3 goes through all of "
        "them, and through the implicit one after them.",
        having_any("reasons split by points", "reasons split by half a point"),
        *("G/N", "R/N", "R/G"),
    ),
    "two points that contradict": difference(
        "OpenSSL stops at the first list that covers all reasons, as the loop of section 6.3.3 may. The "
        "checker lets no list that says revoked be outvoted.",
        having("two points of all reasons"),
        "R/G",
    ),
    "delta without freshestCRL": difference(
        "OpenSSL looks for deltas only when list or certificate has a freshestCRL. The checker uses every "
        "delta it is given; section 6.3.3 (c) does not ask where it came from.",
        having("delta without freshestCRL"),
        *EVERY_PAIR,
    ),
    "delta of some reasons": difference(
        "OpenSSL 3.0 takes a delta with onlySomeReasons for a complete list, and does not even check its "
        "signer's path. By section 5.2.4 a delta says nothing without a complete list.",
        any_slot(lambda slot: slot.list_reasons is not None and any(t.base is not None for t in slot.lists)),
        *EVERY_PAIR,
    ),
    "several deltas": difference(
        "OpenSSL takes the first delta that fits, in the order given, and one only. By section 5.2.4 the "
        "newest decides.",
        any_slot(lambda slot: sum(told.base is not None for told in slot.lists) > 1),
        *EVERY_PAIR,
    ),
    "dates of a delta": difference(
        "OpenSSL does not look at a delta's dates while its base is current. By section 6.3.3 (a) and (c) "
        "one that has lapsed lifts nothing more, and here its additions never become good.",
        any_list(lambda told: told.base is not None and (told.lapsed or told.flaw == "in the future")),
        *("R/G", "N/R", "G/R"),
    ),
    "delta out of reach": difference(
        "OpenSSL passes over a delta whose base is newer than the list. Here a verified addition never "
        "becomes good (section 5.2.4).",
        any_slot(out_of_reach),
        *("R/G", "N/G"),
    ),
    "delta of another authority key": difference(
        "OpenSSL passes over it. It is not for this list (section 6.3.3 (c) (3)), but the checker never says "
        "good of what it revokes.",
        any_list(lambda told: told.flaw == "other AKI"),
        *("R/G", "N/G"),
    ),
    "newest list has lapsed": difference(
        "OpenSSL prefers an older list that has not lapsed. The checker prefers the newest with a delta that "
        "brings it up to date (section 6.3.3 (a)), and forgets nothing that it says.",
        having("two complete lists", "complete 20 lapsed"),
        *("R/G", "N/G", "N/R", "R/N", "G/R"),
    ),
    "delta with the full list's number": difference(
        "OpenSSL passes over it. It was issued together with the complete list (section 5.2.3) and must tell "
        "the same; where it tells more the checker believes it.",
        having("delta with the full list's number", "addition in a delta"),
        *("R/G", "N/G"),
    ),
    "newest list is of the future": difference(
        "OpenSSL chooses it when the older one has lapsed, though a delta brings that up to date (section "
        "6.3.3 (a)).",
        having("two complete lists", "complete in the future", "complete 10 lapsed"),
        *("G/N", "R/N"),
    ),
    "another list's delta": difference(
        "OpenSSL 3.0 keeps the mark of a current delta from one list to the next, and then does not see that "
        "the next has lapsed (section 6.3.3 (a)).",
        lambda world: len(world.slots) > 1 and having("lapsed", "delta")(world),
        *("N/G", "N/R"),
    ),
    "number and time disagree": difference(
        "OpenSSL goes by thisUpdate alone. Where cRLNumber says otherwise (section 5.2.3) the checker takes "
        "the more severe of the two, and a delta newer than both decides.",
        having("number and time disagree"),
        *("R/G", "G/R", "N/R"),
    ),
    "older list and delta contradict the newest": CONTRADICTING,
    "lapsed list of another point": LAPSED_ELSEWHERE,
    "bad signature": difference(
        "OpenSSL chooses a list or delta before it verifies it, and tries no other (section 6.3.3 (g)).",
        any_list(lambda told: told.flaw in ("spoilt", "other key")),
        *("R/N", "G/N"),
    ),
    "no authorityKeyIdentifier": difference(
        "OpenSSL takes the first certificate of the issuer's name for the signer's. Section 6.3.3 (f) leaves "
        "room for every key of that name.",
        having_any("list without AKI", "list without extensions"),
        *("R/N", "G/N"),
    ),
    "signer on its own list": difference(
        "OpenSSL validates no list signer by a list of that signer's own; NIST PKITS 4.14.30 wants it, and "
        "section 6.3.3 (f) leaves it open.",
        having_any("signer on no list", "signer on its own list"),
        *("R/N", "G/N"),
    ),
    "nextUpdate is absent": difference(
        "OpenSSL takes such a list as current forever. Section 5.1.2.5 requires the field; the "
        "checker believes only what the list revokes.",
        any_list(lambda told: told.flaw == "no nextUpdate"),
        *("N/G", "N/R", "R/G"),
    ),
    "delta before the list": difference(
        "OpenSSL reads the delta first, and after that no longer sees that the complete list must not be "
        "used for an unknown critical extension (sections 5.2 and 5.3).",
        any_list(
            lambda told: told.base is None and (told.odd_entry or told.flaw == "unknown critical extension")
        ),
        *("N/R", "N/G"),
    ),
}

#: Where the other may well be right.
TO_BE_JUDGED: dict[str, Difference] = {
    "delta that must not be used": difference(
        "With an unknown critical extension in a delta or its entries OpenSSL determines nothing. The "
        "checker goes by the complete list alone (sections 5.2, 5.3: the delta must not be used).",
        any_list(lambda t: t.base is not None and (t.odd_entry or t.flaw == "unknown critical extension")),
        *("R/N", "G/N"),
    ),
}


@pytest.mark.parametrize("examples", [150, pytest.param(2000, marks=pytest.mark.slow)])
def test_openssl_agrees_or_a_name_says_why_not(examples: int, tmp_path: Path) -> None:
    """In random hierarchies both say good, revoked, not determined or path invalid alike, but for names."""
    names = agree(examples, lambda world: openssl_says(world, tmp_path), TABLE | TO_BE_JUDGED)
    if examples >= 2000:
        unused = TABLE.keys() - names.keys()
        assert len(unused) <= 5, f"are they needed any more? {sorted(unused)}"
