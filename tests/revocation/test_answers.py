"""The table of answers is total, both faces follow it, and the document prints it as it is."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import revocation
from platform_api.health import MEANINGS
from platform_api.status.wire import FOREIGN, status_body
from revocation.answers import (
    AFTER_NEXT_UPDATE,
    ANSWERS,
    SIGNED,
    AfterNextUpdate,
    Answer,
    OcspWord,
    When,
    answer_for,
)
from revocation.authorities import Authorities
from revocation.coverage import PARTITION_NOT_APPROVED
from revocation.status import CertificateStatus, Evidence, Status, UnknownReason, Validity
from tests.revocation.sets import DAY, T0
from tests.revocation.status_world import (
    HELD,
    LATER,
    NOW,
    OTHER_PARTITION,
    OVER,
    REVOKED,
    SECOND,
    UNLISTED,
    WITHIN,
    World,
)

#: What the design says, written down a second time.
OCSP = {
    "GOOD": "good",
    "REVOKED": "revoked",
    "ON_HOLD": "revoked",
    "EXPIRED": "unauthorized",
    "EXPIRED previously REVOKED": "revoked",
    "NOT_YET_VALID": "unauthorized",
    "ISSUER_UNKNOWN": "unauthorized",
    "NO_CRL": "not in force",
    "STALE": "not in force",
    "PARTITION_STALE": "not in force",
    "PARTITION_UNDETERMINED": "unauthorized",
    "OUT_OF_SCOPE": "unauthorized",
    "QUARANTINED": "tryLater",
    "NOT_ISSUED": "unknown",
    "UPSTREAM_ERROR": "tryLater",
}


def name_of(row: Answer) -> str:
    said = row.unknown_reason or row.status
    return f"{said.value} {row.when}" if row.when is When.PREVIOUSLY_REVOKED else said.value


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("sets"), serial_ceiling=1000)


def test_every_status_and_every_reason_has_its_row() -> None:
    """Each member of both enums, each row once, UNKNOWN only with a reason; nothing beside."""
    keys = [(row.status, row.unknown_reason, row.when) for row in ANSWERS]
    assert len(set(keys)) == len(keys)
    assert {row.status for row in ANSWERS} == set(Status)
    assert {row.unknown_reason for row in ANSWERS if row.status is Status.UNKNOWN} == set(UnknownReason)
    assert all((row.unknown_reason is None) == (row.status is not Status.UNKNOWN) for row in ANSWERS)
    assert all(row.when is When.ALWAYS for row in ANSWERS if row.status is Status.UNKNOWN)
    assert {row.status for row in ANSWERS if row.when is When.DATES_CHECKED} == {Status.GOOD}
    assert {row.status for row in ANSWERS if row.when is When.PREVIOUSLY_REVOKED} == {Status.EXPIRED}


def test_ocsp_says_what_the_design_says() -> None:
    """Good for GOOD alone; signed unknown for what was never issued alone; every other reason unsigned."""
    found = {name_of(row): row.ocsp for row in ANSWERS}
    expected = {name: word for name, word in OCSP.items() if word != "not in force"}
    assert {name: word.value for name, word in found.items() if word is not OcspWord.NOT_IN_FORCE} == expected
    assert {row.status for row in ANSWERS if row.ocsp is OcspWord.GOOD} == {Status.GOOD}
    assert {OcspWord.GOOD, OcspWord.REVOKED, OcspWord.UNKNOWN} == SIGNED
    assert AFTER_NEXT_UPDATE == {
        AfterNextUpdate.TRY_LATER: OcspWord.TRY_LATER,
        AfterNextUpdate.UNAUTHORIZED: OcspWord.UNAUTHORIZED,
    }


def test_the_words_for_people() -> None:
    """Two texts a row, each once; only GOOD with its dates checked reads 有効 or valid; UNKNOWN says so."""
    assert len({row.en for row in ANSWERS}) == len({row.ja for row in ANSWERS}) == len(ANSWERS)
    for row in ANSWERS:
        assert row.en.isascii()
        assert not row.ja.isascii()
        dates_checked = row.status is Status.GOOD and row.when is When.DATES_CHECKED
        # 有効期間 is a noun of its own and says nothing of the certificate's worth.
        assert ("有効" in row.ja.replace("有効期間", "")) == dates_checked
        assert (re.search(r"\bvalid\b", row.en, re.IGNORECASE) is not None) == dates_checked
        assert ("失効しておらず" in row.ja or "失効していません" in row.ja) == (row.status is Status.GOOD)
        assert row.ja.startswith("確認できません") == (row.status is Status.UNKNOWN)
        assert row.en.startswith("Not determined") == (row.status is Status.UNKNOWN)


def test_json_is_200_in_every_case() -> None:
    """Design 5: 503 only when the service itself cannot answer."""
    assert {row.http_status for row in ANSWERS} == {200}


def test_evidence_and_last_known_where_they_mean_something() -> None:
    """No evidence where no list of ours speaks; last_known where the same evidence once said more."""
    assert {row.unknown_reason for row in ANSWERS if not row.evidence} == {
        UnknownReason.ISSUER_UNKNOWN,
        UnknownReason.PARTITION_UNDETERMINED,
        UnknownReason.OUT_OF_SCOPE,
    }
    assert {name_of(row) for row in ANSWERS if row.last_known} == {
        "EXPIRED",
        "STALE",
        "PARTITION_STALE",
        "QUARANTINED",
        "UPSTREAM_ERROR",
    }


def produced(made: World) -> dict[str, CertificateStatus]:
    """Every case that this world can produce, by the function that decides."""
    at = T0 + 9 * DAY
    return {
        "GOOD": made.ask(UNLISTED),
        "GOOD dates checked": made.ask(UNLISTED, validity=WITHIN),
        "REVOKED": made.ask(REVOKED),
        "REVOKED after nextUpdate": made.ask(REVOKED, at=at),
        "ON_HOLD": made.ask(HELD),
        "EXPIRED": made.ask(UNLISTED, validity=OVER),
        "EXPIRED on hold": made.ask(HELD, validity=OVER),
        "EXPIRED previously REVOKED": made.ask(REVOKED, validity=OVER),
        "NOT_YET_VALID": made.ask(UNLISTED, validity=LATER),
        "ISSUER_UNKNOWN": FOREIGN,
        "NO_CRL": made.ask(UNLISTED, snapshot=None),
        "STALE": made.ask(UNLISTED, at=at),
        "STALE hold": made.ask(HELD, at=at),
        "PARTITION_STALE": made.ask(UNLISTED, at=T0 + DAY),
        "PARTITION_UNDETERMINED": made.ask(UNLISTED, partition=PARTITION_NOT_APPROVED),
        "OUT_OF_SCOPE": made.ask(UNLISTED, in_scope=False),
        "REVOKED though out of scope": made.ask(OTHER_PARTITION, in_scope=False),
        "NOT_ISSUED": made.ask(1001),
    }


def test_the_json_face_shows_what_the_table_says(made: World) -> None:
    """Real answers: status, reason, evidence, last_known and the text of their row, in both languages."""
    for case, found in produced(made).items():
        row = answer_for(found)
        for language, text in (("en", row.en), ("ja", row.ja)):
            body = status_body(found, language)
            assert body.message == text, case
            assert (body.status, body.unknown_reason) == (row.status, row.unknown_reason), case
            assert (body.evidence is not None) == (found.evidence is not None), case
            assert body.last_known == found.last_known, case
        if "GOOD dates" in case:
            assert row.when is When.DATES_CHECKED
        elif "previously" in case:
            assert row.when is When.PREVIOUSLY_REVOKED
        else:
            assert row.when is When.ALWAYS
        assert case.split()[0] in {row.status.value, row.unknown_reason}, case
    assert status_body(made.ask(HELD, validity=OVER), "en").last_known == "ON_HOLD"
    assert status_body(made.ask(UNLISTED, at=T0 + 9 * DAY), "en").last_known == "GOOD"


@pytest.mark.parametrize("validity", [None, WITHIN])
def test_every_answer_tells_whether_dates_were_checked_and_on_what_it_rests(
    made: World, validity: Validity | None
) -> None:
    """validity.checked as the caller gave dates or not, also where nothing was determined; evidence wherever
    a list of ours speaks, also under a gap, after nextUpdate and in a superseded set."""
    below = made.snapshot.seen_as(superseded=True)
    foreign = Authorities(())
    missing = replace(made.authority.partitions[0], number=3, distribution_point=b"\x86\x01x")
    grown = Authorities([replace(made.authority, partitions=(*made.authority.partitions, missing))])
    asked: list[tuple[dict[str, Any], str, bool]] = [
        ({}, "GOOD", True),
        ({"serial": REVOKED}, "REVOKED", True),
        ({"serial": HELD}, "ON_HOLD", True),
        ({"at": T0 + 9 * DAY}, "STALE", True),
        ({"max_age_s": 1}, "STALE", True),
        ({"snapshot": below}, "STALE", True),
        ({"serial": HELD, "snapshot": below}, "STALE", True),
        ({"authorities": grown}, "NO_CRL", True),
        ({"serial": 1001}, "NOT_ISSUED", True),
        ({"authorities": foreign}, "ISSUER_UNKNOWN", False),
        ({"partition": PARTITION_NOT_APPROVED}, "PARTITION_UNDETERMINED", False),
        ({"in_scope": False}, "OUT_OF_SCOPE", False),
    ]
    for options, said, evidence in asked:
        serial = options.pop("serial", UNLISTED)
        found = made.ask(serial, validity=validity, **options)
        assert (found.unknown_reason or found.status) == said
        assert found.validity_checked is (validity is not None), said
        assert (found.evidence is not None) == evidence, said


def test_answers_by_its_own_dates_rest_on_the_lists_too(made: World) -> None:
    """EXPIRED and NOT_YET_VALID: checked, with evidence. To the last second of its life a revoked one is
    REVOKED, then EXPIRED (previously REVOKED)."""
    for validity in (OVER, LATER):
        for serial in (UNLISTED, HELD):
            found = made.ask(serial, validity=validity)
            assert found.validity_checked
            assert found.evidence is not None
    ends = Validity(T0 - DAY, NOW)
    assert made.ask(REVOKED, validity=ends).status is Status.REVOKED
    after = made.ask(REVOKED, validity=ends, at=NOW + SECOND)
    assert (after.status, after.previously_revoked, after.validity_checked) == (Status.EXPIRED, True, True)


@pytest.mark.parametrize("reason", list(UnknownReason))
def test_a_row_that_hides_hides(made: World, reason: UnknownReason) -> None:
    """Whatever the status carries, the row decides what of it is shown; also of reasons still to come."""
    evidence = made.ask(UNLISTED).evidence
    assert isinstance(evidence, Evidence)
    found = CertificateStatus(Status.UNKNOWN, evidence, unknown_reason=reason, last_known=Status.GOOD)
    body = status_body(found, "en")
    row = answer_for(found)
    assert row.unknown_reason is reason
    assert (body.evidence is not None) == row.evidence
    assert body.last_known == ("GOOD" if row.last_known else None)


def test_evidence_shows_the_tolerances_that_are_on(made: World, tmp_path: Path) -> None:
    """Design 5: a list may have been accepted because of them; sorted, and none by default."""
    assert status_body(made.ask(UNLISTED), "en").evidence.tolerances == []  # type: ignore[union-attr]
    tolerant = World(tmp_path, tolerances=frozenset({"missing_crl_number", "explicit_default"}))
    for serial in (UNLISTED, REVOKED):
        evidence = status_body(tolerant.ask(serial), "en").evidence
        assert evidence is not None
        assert evidence.tolerances == ["explicit_default", "missing_crl_number"]


def test_out_of_scope_comes_before_the_dates_and_after_the_listing(made: World) -> None:
    """Our lists say nothing of such a certificate, in force or not; one that they name is revoked."""
    for at in (T0 + timedelta(hours=1), T0 + 9 * DAY):
        found = made.ask(UNLISTED, at=at, in_scope=False, validity=OVER)
        assert (found.status, found.unknown_reason) == (Status.UNKNOWN, UnknownReason.OUT_OF_SCOPE)
        assert (found.evidence, found.last_known, found.validity_checked) == (None, None, True)
        assert made.ask(REVOKED, at=at, in_scope=False).status is Status.REVOKED


DOCUMENT = (Path(revocation.__file__).parent / "STATUS.md").read_text()


def _rows(header: str) -> list[list[str]]:
    lines = DOCUMENT.splitlines()
    start = lines.index(header) + 2
    found = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def test_the_document_prints_the_table() -> None:
    """STATUS.md, row for row and cell for cell: it cannot say otherwise than the code does."""
    header = "| status | JSON | evidence | last known | OCSP | English | Japanese |"
    expected = []
    for row in ANSWERS:
        name = f"`{row.status.value}`"
        if row.unknown_reason is not None:
            name += f" `{row.unknown_reason.value}`"
        if row.when:
            name += f" ({row.when})"
        shown = ["yes" if each else "no" for each in (row.evidence, row.last_known)]
        expected.append([name, str(row.http_status), *shown, row.ocsp.value, row.en, row.ja])
    assert _rows(header) == expected


def test_the_document_prints_the_readiness() -> None:
    """Each reason of /readyz with when it hinders and when it warns."""
    assert _rows("| reason | hinders when | warns when |") == [
        [f"`{reason}`", meaning.hinders or "-", meaning.warns or "-"] for reason, meaning in MEANINGS.items()
    ]
