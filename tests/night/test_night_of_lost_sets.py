"""What a night says after sets were lost or rotted, and who may say that they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from typer.testing import CliRunner

from platform_api.changes.detect import DetectedSet, DetectionReport
from platform_api.changes.next_set import SetFault
from platform_api.cli import app
from platform_api.night_report import NightReport
from revocation.errors import InputRefused
from revocation.ingest import IngestReport, Outcome
from tests.night.test_night_words import words

INSTITUTION = UUID(int=1)


def record(*detected: DetectedSet, rebuilt_from: int | None = None) -> dict[str, Any]:
    ingest = IngestReport(
        outcome=Outcome.PUBLISHED, set_seq=4, lists_expected=4, lists_fetched=4, lists_accepted=4,
        lists_carried=0, lists_absent=0, entries=7, refused=(), new_by_reason={}, seconds=1.0,
    )  # fmt: skip
    return NightReport(4, ingest, DetectionReport(detected), (), 1.0, rebuilt_from=rebuilt_from).as_json()


def test_certificates_that_nobody_knows_are_told_where_there_are_some() -> None:
    """With their number and what to do; after a rebuild that explains everybody, and after a usual night, no
    word of them."""
    explained = DetectedSet(4, 7, 1, {INSTITUTION: 1}, whole=True)
    unexplained = DetectedSet(4, 7, 1, {INSTITUTION: 1}, whole=True, unexplained=2)
    said = words(record(unexplained, rebuilt_from=4))
    assert "sets below 4 are lost" in said
    assert "2 of the certificates told as revoked or on hold are unknown" in said
    assert "/v1/certificates:check" in said
    said = words(record(explained, rebuilt_from=4))
    assert "sets below 4 are lost" in said
    assert "unknown" not in said
    assert "lost" not in words(record(DetectedSet(4, 7, 1, {INSTITUTION: 1})))


def test_a_set_that_rotted_is_told_by_its_code() -> None:
    """Programs get number and code of each fault, people a line with the remedy."""
    faults = (SetFault(1, "INDEX_CORRUPT"), SetFault(3, "INDEX_MISSING"))
    found = record(DetectedSet(2, 7, 0, {}, whole=True, faults=faults[:1]), DetectedSet(4, 7, 0, {}))
    assert found["detection_faults"] == [{"set_seq": 1, "code": "INDEX_CORRUPT"}]
    said = words(record(DetectedSet(4, 7, 0, {}, whole=True, faults=faults)))
    assert "INDEX_CORRUPT: set 1 cannot be opened" in said
    assert "INDEX_MISSING: set 3 cannot be opened" in said
    assert record(DetectedSet(4, 7, 0, {}))["detection_faults"] == []


@pytest.mark.parametrize("name", ["x" * 101, "x" * 300, "a\x00b", "a\u202eb", "Ya\x1b[2Jmada"])
def test_who_gives_sets_up_has_a_name_that_can_be_read(tmp_path: Path, name: str) -> None:
    """As with the authorities: 1 to 100 printable characters, refused before anything is made or started."""
    result = CliRunner().invoke(
        app, ["nightly", "--data", str(tmp_path / "data"), "--rebuild-lost-sets", "--by", name]
    )
    assert isinstance(result.exception, InputRefused)
    assert result.exception.code == "OPERATOR_NAME_MALFORMED"
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("given", [["--rebuild-lost-sets"], ["--by", "Yamada"]])
def test_the_act_and_its_name_go_together(tmp_path: Path, given: list[str]) -> None:
    """One without the other is a slip: wrong usage, nothing started."""
    result = CliRunner().invoke(app, ["nightly", "--data", str(tmp_path / "data"), *given])
    assert result.exit_code == 2
    assert not (tmp_path / "data").exists()
