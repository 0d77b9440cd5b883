"""Our lists beside another responder's word: newer evidence wins only towards "revoked"."""

from __future__ import annotations

import ast
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import revocation
from revocation.answers import answer_for
from revocation.newer_evidence import beside_upstream
from revocation.ocsp.upstream_word import CertStatus, UpstreamWord
from revocation.status import CertificateStatus, Evidence, Status, UnknownReason
from tests.revocation.sets import T0

LIST = T0
NOW = T0 + timedelta(hours=6)
BEFORE, SAME, AFTER = (LIST + timedelta(minutes=m) for m in (-1, 0, 1))

EVIDENCE = Evidence(
    snapshot_id="s" * 8,
    set_seq=3,
    crl_number=7,
    this_update=LIST,
    next_update=T0 + timedelta(days=1),
    ingested_at=LIST,
    age_s=6 * 3600,
    coverage="partition",
)

OWN = {
    "GOOD": CertificateStatus(Status.GOOD, EVIDENCE, validity_checked=True),
    "REVOKED": CertificateStatus(Status.REVOKED, EVIDENCE, reason=3, revoked_at=LIST),
    "ON_HOLD": CertificateStatus(Status.ON_HOLD, EVIDENCE, reason=6, revoked_at=LIST),
    "EXPIRED": CertificateStatus(Status.EXPIRED, EVIDENCE, validity_checked=True),
    "EXPIRED_REVOKED": CertificateStatus(
        Status.EXPIRED, EVIDENCE, reason=4, revoked_at=LIST, previously_revoked=True, validity_checked=True
    ),
    "NOT_YET_VALID": CertificateStatus(Status.NOT_YET_VALID, EVIDENCE, validity_checked=True),
    "NO_CRL": CertificateStatus(Status.UNKNOWN, None, unknown_reason=UnknownReason.NO_CRL),
    "STALE": CertificateStatus(
        Status.UNKNOWN, EVIDENCE, unknown_reason=UnknownReason.STALE, last_known=Status.GOOD
    ),
    "HELD_STALE": CertificateStatus(
        Status.UNKNOWN,
        EVIDENCE,
        unknown_reason=UnknownReason.STALE,
        reason=6,
        revoked_at=LIST,
        last_known=Status.ON_HOLD,
    ),
}


def said(status: CertStatus, reason: int | None = None, this_update: object = AFTER) -> UpstreamWord:
    assert this_update in (BEFORE, SAME, AFTER)
    at = {BEFORE: BEFORE, SAME: SAME, AFTER: AFTER}[this_update]  # type: ignore[index]
    revoked = status is CertStatus.revoked
    return UpstreamWord(status, reason, LIST if revoked else None, at, None, NOW, NOW)


GOOD, REVOKED, HELD, UNKNOWN = "good", "revoked", "held", "unknown"
WORDS = {
    GOOD: (CertStatus.good, None),
    REVOKED: (CertStatus.revoked, 1),
    HELD: (CertStatus.revoked, 6),
    UNKNOWN: (CertStatus.unknown, None),
}

#: own, word, when → status afterwards, incident. What is not here stays as it was, without an incident.
CHANGES = {
    ("GOOD", REVOKED, SAME): ("REVOKED", False),
    ("GOOD", REVOKED, AFTER): ("REVOKED", False),
    ("GOOD", HELD, SAME): ("ON_HOLD", False),
    ("GOOD", HELD, AFTER): ("ON_HOLD", False),
    ("GOOD", REVOKED, BEFORE): ("GOOD", True),
    ("ON_HOLD", REVOKED, SAME): ("REVOKED", False),
    ("ON_HOLD", REVOKED, AFTER): ("REVOKED", False),
    ("ON_HOLD", REVOKED, BEFORE): ("ON_HOLD", True),
    ("REVOKED", GOOD, SAME): ("REVOKED", True),
    ("REVOKED", GOOD, AFTER): ("REVOKED", True),
    ("REVOKED", HELD, SAME): ("REVOKED", True),
    ("REVOKED", HELD, AFTER): ("REVOKED", True),
    ("EXPIRED_REVOKED", GOOD, SAME): ("EXPIRED", True),
    ("EXPIRED_REVOKED", GOOD, AFTER): ("EXPIRED", True),
    ("EXPIRED_REVOKED", HELD, SAME): ("EXPIRED", True),
    ("EXPIRED_REVOKED", HELD, AFTER): ("EXPIRED", True),
    ("NOT_YET_VALID", REVOKED, SAME): ("REVOKED", False),
    ("NOT_YET_VALID", REVOKED, AFTER): ("REVOKED", False),
    ("NOT_YET_VALID", REVOKED, BEFORE): ("NOT_YET_VALID", True),
    ("NOT_YET_VALID", HELD, SAME): ("ON_HOLD", False),
    ("NOT_YET_VALID", HELD, AFTER): ("ON_HOLD", False),
    **{
        (own, REVOKED, at): ("REVOKED", False)
        for own in ("NO_CRL", "STALE", "HELD_STALE")
        for at in (BEFORE, SAME, AFTER)
    },
    **{
        (own, HELD, at): ("ON_HOLD", False)
        for own in ("NO_CRL", "STALE", "HELD_STALE")
        for at in (BEFORE, SAME, AFTER)
    },
    **{("EXPIRED", REVOKED, at): ("EXPIRED", False) for at in (BEFORE, SAME, AFTER)},
}


@pytest.mark.parametrize("at", [BEFORE, SAME, AFTER], ids=["older", "equal", "newer"])
@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("own", OWN)
def test_the_whole_table(own: str, word: str, at: object) -> None:
    """Every status of ours, every word, older, equal and newer."""
    status, reason = WORDS[word]
    found = beside_upstream(OWN[own], said(status, reason, at), now=NOW)
    expected, incident = CHANGES.get((own, word, at), (OWN[own].status.value, False))  # type: ignore[call-overload]
    assert (found.found.status.value, found.incident) == (expected, incident)
    if (own, word) == ("EXPIRED", REVOKED):
        assert (found.found.previously_revoked, found.found.reason) == (True, 1)
        assert OWN[own].previously_revoked is False
    elif expected == OWN[own].status.value:
        assert found.found is OWN[own]
    else:
        evidence = found.found.evidence
        assert evidence is not None
        assert (evidence.method, evidence.coverage, evidence.this_update) == ("ocsp", "certificate", at)
        assert evidence.crl_number is None
        assert found.found.reason == reason
        assert found.found.revoked_at == LIST
        assert found.found.validity_checked == OWN[own].validity_checked
    answer_for(found.found)  # every result has its row


def test_evidence_names_the_set_that_it_stands_beside() -> None:
    """And none where there was none."""
    word = said(CertStatus.revoked, 1)
    beside = beside_upstream(OWN["GOOD"], word, now=NOW).found.evidence
    alone = beside_upstream(OWN["NO_CRL"], word, now=NOW).found.evidence
    assert beside is not None
    assert alone is not None
    assert (beside.snapshot_id, beside.set_seq, beside.age_s) == ("s" * 8, 3, 6 * 3600 - 60)
    assert (alone.snapshot_id, alone.set_seq) == (None, None)


@pytest.mark.parametrize("own", OWN)
def test_no_word_changes_nothing(own: str) -> None:
    """The upstream failed: the answer is that of our lists, unless both were wanted and it was GOOD."""
    assert beside_upstream(OWN[own], None, now=NOW).found is OWN[own]
    both = beside_upstream(OWN[own], None, now=NOW, both_must_speak=True).found
    if own != "GOOD":
        assert both is OWN[own]
        return
    assert (both.status, both.unknown_reason, both.last_known) == (
        Status.UNKNOWN,
        UnknownReason.UPSTREAM_ERROR,
        Status.GOOD,
    )
    assert both.evidence == EVIDENCE


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("at", [BEFORE, SAME, AFTER])
def test_both_must_speak(word: str, at: object) -> None:
    """GOOD stays only with the responder's own good; unknown or a contradiction is no good."""
    status, reason = WORDS[word]
    found = beside_upstream(OWN["GOOD"], said(status, reason, at), now=NOW, both_must_speak=True).found
    assert (found.status is Status.GOOD) == (word == GOOD)


def test_a_word_older_than_asked_for_is_none_unless_it_is_final() -> None:
    """max_age_s is of all evidence; a final revocation stays one at any age."""
    age = 6 * 3600 - 60
    for word, newest, oldest in ((HELD, "ON_HOLD", "GOOD"), (REVOKED, "REVOKED", "REVOKED")):
        spoken = said(*WORDS[word])
        assert beside_upstream(OWN["GOOD"], spoken, now=NOW, max_age_s=age).found.status == newest
        assert beside_upstream(OWN["GOOD"], spoken, now=NOW, max_age_s=age - 1).found.status == oldest
    good = said(CertStatus.good)
    for max_age_s, status in ((age, "GOOD"), (age - 1, "UNKNOWN")):
        found = beside_upstream(OWN["GOOD"], good, now=NOW, max_age_s=max_age_s, both_must_speak=True)
        assert found.found.status == status


_moments = st.integers(-10_000, 10_000).map(lambda s: LIST + timedelta(seconds=s))
_words = st.builds(
    lambda status, reason, at: UpstreamWord(
        status,
        reason if status is CertStatus.revoked else None,
        LIST if status is CertStatus.revoked else None,
        at,
        None,
        NOW,
        NOW,
    ),
    st.sampled_from(CertStatus),
    st.integers(0, 255),
    _moments,
)
_owns = st.builds(
    lambda own, at: (
        own if own.evidence is None else replace(own, evidence=replace(own.evidence, this_update=at))
    ),
    st.sampled_from(list(OWN.values())),
    _moments,
)
#: From bad to worse; only EXPIRED stands aside, it is decided by dates.
_RANK = {"GOOD": 0, "NOT_YET_VALID": 0, "UNKNOWN": 0, "ON_HOLD": 1, "REVOKED": 2, "EXPIRED": 3}


@given(_owns, st.none() | _words, st.none() | st.integers(1, 40_000), st.booleans())
def test_nothing_becomes_good_and_nothing_better(
    own: CertificateStatus, word: UpstreamWord | None, max_age_s: int | None, both: bool
) -> None:
    """GOOD afterwards only where it was GOOD before and no revocation as new stands against it; no status
    gets better; what does not change is the very same object.
    """
    beside = beside_upstream(own, word, now=NOW, max_age_s=max_age_s, both_must_speak=both)
    found = beside.found
    assert _RANK[found.status] >= _RANK[own.status]
    assert own.previously_revoked <= found.previously_revoked
    if found.status is Status.GOOD:
        assert found is own
        if word is not None and word.status is CertStatus.revoked:
            assert own.evidence is not None
            aged = max_age_s is not None and (NOW - word.this_update).total_seconds() >= max_age_s
            assert word.this_update < own.evidence.this_update or (word.held and aged)
        assert not both or (word is not None and word.status is CertStatus.good)
    if word is not None and word.status is CertStatus.revoked and not word.held:
        newest = own.evidence is None or word.this_update >= own.evidence.this_update
        assert not newest or found.status in (Status.REVOKED, Status.EXPIRED)
    answer_for(found)


_MAKING = ("CertificateStatus", "replace", "Beside", "_by_word", "_beside")


def test_the_rule_makes_no_good() -> None:
    """In the source: no status is built as GOOD, which is left to ``status.certificate_status``."""
    source = (Path(revocation.__file__).parent / "newer_evidence.py").read_text(encoding="utf-8")
    built = [
        node
        for call in ast.walk(ast.parse(source))
        if isinstance(call, ast.Call) and ast.unparse(call.func) in _MAKING
        for node in ast.walk(call)
        if isinstance(node, ast.Attribute) and node.attr == "GOOD"
    ]
    assert built == []


def test_the_document_prints_this_table() -> None:
    """``STATUS.md``, "Another responder's word": each cell is what the rule says."""
    text = (Path(revocation.__file__).parent / "STATUS.md").read_text(encoding="utf-8")
    section = text.partition("## Another responder's word")[2].partition("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in section.splitlines()
        if line.startswith("| `")
    ]
    assert [row[0] for row in rows] == [
        f"`{s}`" for s in ("GOOD", "ON_HOLD", "REVOKED", "EXPIRED", "NOT_YET_VALID", "UNKNOWN")
    ]
    for own, *cells in rows:
        ours = OWN[{"`UNKNOWN`": "STALE"}.get(own, own.strip("`"))]
        for cell, word in zip(cells, (GOOD, REVOKED, HELD, UNKNOWN), strict=True):
            beside = beside_upstream(ours, said(*WORDS[word]), now=NOW)
            expected = f"`{beside.found.status.value}`"
            if beside.found.previously_revoked:
                expected += " (previously REVOKED)"
            if beside.found.evidence != ours.evidence:
                expected += " by `ocsp`"
            if beside.incident:
                expected += ", an incident where newer" if word == GOOD else ", an incident"
            assert cell == expected, (own, word)
