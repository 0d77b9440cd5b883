"""What a night says of refused lists, to people and to programs: why and what to do, but no partition."""

from __future__ import annotations

import io
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.console import Console

from platform_api.changes.detect import DetectionReport
from platform_api.cli.nightly import show
from platform_api.cli.output import counted, run_async
from platform_api.night_report import NightReport
from revocation.authorities import ListScope
from revocation.errors import InputRefused, OutsideFailed, RevocationError
from revocation.exits import Exit
from revocation.ingest import IngestReport, Outcome
from revocation.ingest_report import Refusal
from tests import pki
from tests.pki import T0, entry
from tests.revocation.nights import DAY, Night, thread


def passed(at: str) -> InputRefused:
    return InputRefused("NEXT_UPDATE_PASSED", expected="a later one", got=at, remedy="fetch a newer list")


DOWN = OutsideFailed("JLIS_DOWN", expected="an answer [YY]", got="status 503", remedy="wait")


def night(*refused: Refusal, **more: Any) -> dict[str, Any]:
    ingest = IngestReport(
        outcome=Outcome.PARTIAL, set_seq=2, lists_expected=4, lists_fetched=4, lists_accepted=1,
        lists_carried=3, lists_absent=0, entries=7, refused=refused, new_by_reason={}, seconds=1.0, **more,
    )  # fmt: skip
    return NightReport(2, ingest, DetectionReport(), (), 1.0).as_json()


def words(record: dict[str, Any]) -> str:
    out = io.StringIO()
    show(Console(file=out, width=200), record)
    return out.getvalue()


def of(scope: ListScope, error: RevocationError) -> Refusal:
    return Refusal(scope.lineage.ca_id, scope, error)


@pytest.fixture(scope="module")
def scopes() -> tuple[ListScope, ...]:
    return tuple(pki.make_ca(kind="p256").authority().expected_lists())


def test_refusals_are_told_by_ca_key_and_code(scopes: tuple[ListScope, ...]) -> None:
    """--json: one object for each CA, key and code, with the count and what the first error says, and where
    such a file is; a CA that could not be asked has no key. Lists are not named.
    """
    first, second, third = scopes[:3]
    refused = [of(first, passed("10")), of(second, passed("11")), of(third, passed("12"))]
    kept = {"NEXT_UPDATE_PASSED": Path("archive/refused/NEXT_UPDATE_PASSED.crl")}
    record = night(*refused, Refusal("other", None, DOWN), kept=kept)
    one = {"expected": "a later one", "remedy": "fetch a newer list", "code": "NEXT_UPDATE_PASSED",
           "file": "archive/refused/NEXT_UPDATE_PASSED.crl", "ca": "card-sign"}  # fmt: skip
    assert (first.signing_key, second.signing_key) != (first.signing_key, third.signing_key)
    assert record["refusals"] == [
        {**one, "key": first.signing_key[:16], "count": 2, "got": "10"},
        {**one, "key": third.signing_key[:16], "count": 1, "got": "12"},
        {"ca": "other", "key": None, "code": "JLIS_DOWN", "count": 1, "expected": "an answer [YY]",
         "got": "status 503", "remedy": "wait", "file": None},
    ]  # fmt: skip
    assert not any(str(scope) in json.dumps(record) + words(record) for scope in scopes)


def test_people_see_each_code_once(scopes: tuple[ListScope, ...]) -> None:
    """The commonest first: whose lists, how many, what was expected and got, the error's own remedy; the
    file to look at; brackets in a text stay.
    """
    first, second, third = scopes[:3]
    refused = [Refusal("other", None, DOWN), of(first, passed("10"))]
    refused += [of(second, passed("11")), of(third, passed("12"))]
    text = words(night(*refused, kept={"NEXT_UPDATE_PASSED": Path("a b/NEXT_UPDATE_PASSED.crl")}))
    lines = text.splitlines()[-4:]
    assert lines == [
        f"NEXT_UPDATE_PASSED (card-sign key {first.signing_key[:16]}: 2 lists, card-sign key "
        f"{third.signing_key[:16]}: 1 list) the first: expected a later one; got 10; fetch a newer list",
        "  one such file: python -m revocation decode 'a b/NEXT_UPDATE_PASSED.crl'",
        "JLIS_DOWN (other: all its lists) expected an answer [YY]; got status 503; wait",
        "which lists: python -m revocation freshness DATA/snapshots --authorities DATA/authorities.json",
    ]
    assert "which lists" not in words(night(Refusal("other", None, DOWN)))
    assert " 1 time " in text
    assert "at 0 institutions" in text


def test_one_is_not_plural() -> None:
    """Figures of one read as English."""
    assert [counted(n, "list") for n in (0, 1, 2)] == ["0 lists", "1 list", "2 lists"]


async def test_no_partition_serial_or_label_is_in_what_a_night_says(tmp_path: Path) -> None:
    """Real refusals of real lists, each by another rule: neither object nor text holds a partition's label,
    number in a name, distribution point or file, nor a serial on the list.
    """
    night_ = await thread(Night, tmp_path, pki.make_ca(kind="p256"))
    serial = 0x5EC4E7ABCDEF
    await thread(night_.serve, 0)
    await night_.run()
    one, two, three, four = night_.scopes
    forged = {
        one: night_.der(one, 1, [entry(serial)], next_update=T0 + DAY + timedelta(minutes=30)),
        two: night_.der(one, 1, [entry(serial)]),
        three: night_.der(three, 1, [entry(serial), entry(serial)[:-1] + b"\xff\xff"]),
        four: b"<html>City-2</html>",
    }
    await thread(night_.serve, 1)
    for scope, der in forged.items():
        await thread(night_.file(scope).write_bytes, der)
    report = await night_.run()
    assert len({code for _, code in report.refusals}) == 4
    record = NightReport(None, report, DetectionReport(), (), 1.0).as_json()
    said = json.dumps(record) + words(record)
    for code, path in report.kept.items():
        assert path == tmp_path / "archive" / "refused" / f"{code}.crl"
        assert path.name in said
    said = said.replace(str(tmp_path), "").lower()
    labels = [partition.label.lower() for partition in night_.authority.partitions]
    hidden = [f"{serial:x}", str(serial), *labels, *(str(scope) for scope in night_.scopes)]
    hidden += [night_.file(scope).name for scope in night_.scopes]
    hidden += [partition.distribution_point.hex() for partition in night_.authority.partitions]
    assert [word for word in hidden if word in said] == []
    assert all(one["expected"] and one["got"] and one["remedy"] for one in record["refusals"])


def test_an_interrupted_command_says_so_to_programs(capsys: pytest.CaptureFixture[str]) -> None:
    """With --json one record on standard output, as for every failure; without it none; exit 130."""

    async def stopped() -> None:
        raise KeyboardInterrupt

    for as_json in (True, False):
        with pytest.raises(typer.Exit) as ended:
            run_async(stopped(), as_json=as_json)
        assert ended.value.exit_code == Exit.INTERRUPTED
        said = capsys.readouterr()
        assert said.err.startswith("jpki: interrupted")
        record = json.loads(said.out) if as_json else None
        if record is not None:
            assert (record["error"], record["exit_code"]) == ("INTERRUPTED", 130)
            assert record["expected"]
            assert record["got"]
            assert record["remedy"]
        else:
            assert said.out == ""


def test_no_sentence_of_a_refusal_can_name_a_partition() -> None:
    """All sentences that a refused list may get: no label of the tests' partitions, no number of one, and no
    hexadecimal that could be a serial, key or point.
    """
    path = Path(__file__).parents[1] / "revocation" / "refusal_sentences.txt"
    sentences = [line for line in path.read_text(encoding="utf-8").splitlines() if " | " in line]
    assert len(sentences) > 50
    hidden = re.compile(r"City|partition \d|[0-9a-f]{8}|ou=|cn=|serial", re.IGNORECASE)
    assert [line for line in sentences if hidden.search(line)] == []
