"""The checker and `openssl verify -crl_check_all -use_deltas -extended_crl` agree, or a name says why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checker.agreement import Difference, any_list, any_slot, difference, having, having_any
TABLE: dict[str, Difference] = {
    "removeFromCRL in a complete list": difference(
        "OpenSSL reads the entry as no revocation; section 5.3.1 has that reason in deltas only, and the entry "
        "is one of a revoked certificate.",
        any_list(lambda told: told.base is None and told.says == "removeFromCRL"),
        "R/G",
        "R/N",
    ),
    "removal of what is not on hold": difference(
        "OpenSSL lets a delta's removeFromCRL lift any revocation; section 5.3.1 has it for a hold or an expired "
        "certificate.",
        having_any("removal of keyCompromise", "removal of superseded", "removal of no reason"),
        "R/G",
    ),
    "list named by its issuer": difference(
        "OpenSSL knows no implicit distribution point named by the certificate's issuer (end of section 6.3.3).",
        any_slot(lambda slot: slot.list_named == "issuer" and not slot.apart),
        "R/N",
        "G/N",
    ),
    "point without a name": difference(
        "OpenSSL matches a point that has only a cRLIssuer with a list of any name; section 6.3.3 (b)(2)(i) "
        "compares the cRLIssuer with the list's names.",
        any_slot(lambda slot: slot.list_issuer and not slot.point_named and slot.list_named != "issuer"),
        "N/G",
        "N/R",
    ),
    "delta without freshestCRL": difference(
        "OpenSSL looks for deltas only when list or certificate has a freshestCRL; the checker uses every delta "
        "it is given (section 6.3.3 (c) does not ask where it came from).",
        having("delta without freshestCRL"),
        "R/G",
        "G/R",
        "R/N",
        "G/N",
        "N/G",
        "N/R",
    ),
    "cRLIssuer without indirectCRL": difference(
        "OpenSSL asks for no indirectCRL when a point names the certificate's issuer as cRLIssuer; section 6.3.3 "
        "(b)(1) does, and section 4.2.1.13 forbids such a point.",
        any_slot(lambda slot: slot.list_issuer and not slot.apart and not slot.indirect),
        "N/G",
        "N/R",
    ),
    "delta of some reasons": difference(
        "OpenSSL 3.0 takes a delta with onlySomeReasons for a complete list, and does not even check its "
        "signer's path; section 5.2.4 has deltas only combined with a complete list.",
        any_slot(lambda slot: slot.list_reasons is not None and any(t.base is not None for t in slot.lists)),
        "R/G",
        "G/R",
        "R/N",
        "G/N",
        "N/G",
        "N/R",
    ),
    "newest list has lapsed": difference(
        "OpenSSL prefers an older list that has not lapsed to the newest with a delta that brings it up to date "
        "(section 6.3.3 (a)).",
        having("two complete lists", "complete 20 lapsed"),
        "R/G",
        "N/G",
        "N/R",
    ),
    "several deltas": difference(
        "OpenSSL takes the first delta that fits in the order given, and one only; section 5.2.4 has the most "
        "recent one decide.",
        any_slot(lambda slot: sum(told.base is not None for told in slot.lists) > 1),
        "R/G",
        "G/R",
        "R/N",
        "G/N",
        "N/G",
        "N/R",
    ),
    "lapsed delta": difference(
        "OpenSSL does not look at a delta's nextUpdate while its base is current; here a lapsed delta can no "
        "longer lift anything (section 5.2.4), and its additions never become good.",
        any_list(lambda told: told.base is not None and told.lapsed),
        "R/G",
        "N/R",
    ),
    "one of several has a bad signature": difference(
        "OpenSSL chooses a list or delta before it verifies it, and does not try another (section 6.3.3 (g)).",
        any_list(lambda told: told.flaw in ("spoilt", "other key")),
        "R/N",
        "G/N",
    ),
    "list without authorityKeyIdentifier": difference(
        "OpenSSL takes the first certificate of the issuer's name for the signer's; section 6.3.3 (f) leaves "
        "room for every key of that name.",
        having_any("list without AKI", "list without extensions"),
        "R/N",
        "G/N",
    ),
    "two points that contradict": difference(
        "OpenSSL stops at the first list that covers all reasons, as the loop of section 6.3.3 may; the checker "
        "lets no list that says revoked be outvoted.",
        having("two points of all reasons"),
        "R/G",
    ),
    "entry with an unknown critical extension": difference(
        "OpenSSL reads a delta before the complete list that must not be used for such an entry (section 5.3).",
        having("unknown critical entry extension", "addition in a delta"),
        "N/R",
    ),
    "number and time disagree": difference(
        "OpenSSL goes by thisUpdate alone; where cRLNumber says otherwise the checker takes the more severe of "
        "the two (section 5.2.3).",
        having("number and time disagree"),
        "R/G",
    ),
    "nextUpdate is absent": difference(
        "OpenSSL takes such a list as current forever; section 5.1.2.5 requires the field.",
        any_list(lambda told: told.flaw == "no nextUpdate"),
        "N/G",
        "N/R",
    ),
    "delta out of reach": difference(
        "OpenSSL passes over a delta whose base is newer than the list; here a verified addition never becomes "
        "good (section 5.2.4).",
        any_list(lambda told: told.base == 22),
        "R/G",
        "N/G",
    ),
    "points of some reasons": difference(
        "OpenSSL takes the reasons of the first point that fits a list; section 6.3.3 goes through all of "
        "them, and through the implicit one after them.",
        having_any("reasons split by points", "reasons split by half a point"),
        "G/N",
        "R/N",
    ),
}
