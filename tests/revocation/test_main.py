"""``python -m revocation``: what each command prints, its exit codes, and what it never prints."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from revocation.__main__ import main
from revocation.exits import Exit
from tests import pki
from tests.revocation.sets import DAY, PUBLISHER, T0, accepted, ca, every_list, scope, store, world


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two sets: 0xbeef added, 0xcafe gone, 0xabba off a hold that does not end."""
    authorities, authority = world()
    one = scope(authority, 1)
    writer = store(tmp_path / "sets")
    for day, listing in enumerate(({0xCAFE: 3, 0xABBA: 6, 1: 99}, {0xBEEF: 4, 1: 99})):
        lists = every_list(authority, day) | {
            one: accepted(listing, number=day + 1, this_update=T0 + day * DAY)
        }
        writer.publish(lists, authorities, now=T0 + day * DAY)
    return tmp_path / "sets"


@pytest.fixture
def lists(tmp_path: Path) -> tuple[Path, Path]:
    """Two CRL files of one partition."""
    signer = ca().generations[0]
    paths = tmp_path / "old.crl", tmp_path / "new.crl"
    entries = (
        [pki.entry(0xCAFE, reason=3), pki.entry(0xABBA, reason=6), pki.entry(7)],
        [pki.entry(0xBEEF, reason=4), pki.entry(0xABBA, reason=1), pki.entry(7)],
    )
    for number, path in enumerate(paths):
        path.write_bytes(
            pki.build_crl(
                signer, distribution_point=pki.point(1), number=number + 41, entries=entries[number]
            )
        )
    return paths


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict[str, Any]]:
    code = main([*map(str, arguments), "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_decode_counts_a_list(lists: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    """Number, times and entries by reason; the number as a decimal string; no serial."""
    code, report = run(capsys, "decode", lists[0])
    assert code == Exit.DONE
    assert (report["crl_number"], report["entries"], report["partitioned"]) == ("41", 3, True)
    assert report["by_reason"] == {"affiliationChanged": 1, "certificateHold": 1, "absent": 1}
    assert (report["this_update"], report["next_update"]) == ("2026-11-20T00:00:00Z", "2026-11-22T00:00:00Z")
    assert "cafe" not in json.dumps(report).replace(report["sha256"], "")


def test_show_prints_serials_only_when_asked(
    lists: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """They stand for people."""
    _, quiet = run(capsys, "show", lists[0])
    assert "revoked" not in quiet
    _, loud = run(capsys, "show", lists[0], "--serials")
    assert [entry["serial_number"] for entry in loud["revoked"]] == ["cafe", "abba", "7"]


def test_diff_of_two_lists(lists: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    """Added, removed, changed; the same list twice is "nothing new"."""
    code, report = run(capsys, "diff", *lists, "--serials")
    assert code == Exit.DONE
    assert (report["added"], report["removed"], report["changed"], report["changes"]) == (1, 1, 1, 3)
    assert report["serials"] == [
        {"kind": "added", "serial_number": "beef"},
        {"kind": "removed", "serial_number": "cafe"},
        {"kind": "changed", "serial_number": "abba"},
    ]
    code, report = run(capsys, "diff", lists[0], lists[0])
    assert (code, report["changes"]) == (Exit.NOTHING_NEW, 0)


def test_show_of_a_set_names_its_lists(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The current set, or one by number."""
    _, current = run(capsys, "show", folder)
    assert (current["set"], current["entries"], current["gone"], len(current["lists"])) == (2, 2, 2, 4)
    assert {each["state"] for each in current["lists"]} == {"accepted"}
    _, first = run(capsys, "show", f"{folder}@1")
    assert (first["set"], first["entries"]) == (1, 3)


def test_stats_count_by_lineage_and_reason(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Unknown codes are told from unspecified."""
    _, report = run(capsys, "stats", folder)
    counts = [lineage for lineage in report["lineages"].values() if lineage["entries"]]
    assert counts[0]["by_reason"] == {"superseded": 1, "unspecified (99)": 1}
    assert (counts[0]["gone"], counts[0]["gone_on_hold"]) == (2, 1)


def test_diff_of_two_sets(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By kind, with the anomaly counted; serials on request."""
    code, report = run(capsys, "diff", f"{folder}@1", f"{folder}@2", "--serials")
    assert (code, report["changes"], report["left_on_hold"]) == (Exit.DONE, 3, 1)
    assert report["by_kind"] == {"added": 1, "gone": 2}
    assert {each["serial_number"] for each in report["serials"]} == {"beef", "cafe", "abba"}
    code, _ = run(capsys, "diff", f"{folder}@2", folder)
    assert code == Exit.NOTHING_NEW


def test_verify_opens_every_set(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The whole chain; without a pinned key it says that the origin was not checked."""
    code, report = run(capsys, "verify-snapshot", folder)
    assert (code, report["verified"], report["publisher_pinned"]) == (Exit.DONE, 2, False)
    assert [each["set"] for each in report["sets"]] == [1, 2]


@pytest.mark.parametrize("private", [True, False])
def test_verify_with_a_pinned_publisher(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], private: bool
) -> None:
    """The publisher's key in either form; another key is refused."""
    path = tmp_path / "publisher.pem"
    path.write_bytes(_pem(PUBLISHER, private=private))
    code, report = run(capsys, "verify-snapshot", folder, "--publisher", path)
    assert (code, report["publisher_pinned"]) == (Exit.DONE, True)
    path.write_bytes(_pem(Ed25519PrivateKey.generate(), private=private))
    assert main(["show", str(folder), "--publisher", str(path)]) == Exit.OWN_FAULT
    assert "PUBLISHER_NOT_TRUSTED" in capsys.readouterr().err


def _pem(key: Ed25519PrivateKey, *, private: bool) -> bytes:
    if private:
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def test_a_damaged_set_is_told_and_not_replaced_by_an_older_one(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A tool for looking shows what is there: exit code 1 and the code of the damage."""
    path = next(folder.glob("*.00000002.index"))
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.unlink()
    path.write_bytes(data)
    for command in ("show", "stats", "verify-snapshot"):
        assert main([command, str(folder)]) == Exit.OWN_FAULT
        assert "INDEX_" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["decode", "{tmp}/none.crl"], Exit.UPSTREAM_DOWN, "FILE_UNREADABLE"),
        (["decode", "{tmp}/garbage"], Exit.REFUSED, "LIST_IS_HTML"),
        (["diff", "{tmp}/garbage", "{tmp}"], Exit.USAGE, "ONE_OF_EACH"),
        (["show", "{tmp}"], Exit.REFUSED, "NO_SET"),
        (["show", "{tmp}", "--serials"], Exit.USAGE, "SERIALS_OF_A_SET"),
        (["verify-snapshot", "{tmp}"], Exit.REFUSED, "NO_SET"),
        (["verify-snapshot", "{tmp}@2"], Exit.REFUSED, "SET_NOT_PUBLISHED"),
        (["verify-snapshot", "{tmp}/none"], Exit.REFUSED, "SET_FOLDER_MISSING"),
        (["freshness", "{tmp}@99", "--authorities", "x"], Exit.REFUSED, "SET_NOT_PUBLISHED"),
        (["show", "{tmp}@99999999999"], Exit.REFUSED, "SET_NUMBER_MALFORMED"),
        (["show", "{tmp}@x"], Exit.REFUSED, "SET_NUMBER_MALFORMED"),
        (["show", "{tmp}@3"], Exit.REFUSED, "SET_NOT_PUBLISHED"),
        (["show", "{tmp}", "--publisher", "{tmp}/garbage"], Exit.REFUSED, "PUBLISHER_KEY_MALFORMED"),
    ],
)
def test_bad_input_gets_one_sentence_and_its_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, text: str
) -> None:
    """No traceback, nothing on standard output; with --json the record that jpki prints too."""
    (tmp_path / "garbage").write_bytes(b"<html>404</html>")
    given = [each.format(tmp=tmp_path) for each in arguments]
    assert main(given) == code
    captured = capsys.readouterr()
    assert text in captured.err
    assert captured.out == ""
    assert len(captured.err.strip().splitlines()) == 1

    assert main([*given, "--json"]) == code
    captured = capsys.readouterr()
    assert len(captured.err.strip().splitlines()) == 1
    record = json.loads(captured.out)
    assert list(record) == ["error", "expected", "got", "remedy", "exit_code"]
    assert all(record.values())
    assert text in " ".join(str(value) for value in record.values())
    assert record["exit_code"] == code


def test_a_set_that_is_not_there_is_no_fault_of_ours(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Above the published one, 0, or removed by retention: refused with the numbers that there are; one
    that is missing between others is damage: exit 1.
    """
    authorities, authority = world()
    for day in (2, 3):
        lists = every_list(authority, day)
        store(folder).publish(lists, authorities, now=T0 + day * DAY)
    store(folder).retention(keep_from_seq=2)
    for seq in ("0", "1", "5", "00000099"):
        for command in ("show", "stats", "verify-snapshot"):
            assert main([command, f"{folder}@{seq}"]) == Exit.REFUSED
            sentence = capsys.readouterr().err
            assert f"SET_NOT_PUBLISHED: expected a set from 2 to 4; got {int(seq)};" in sentence
    (folder / "00000003.manifest").unlink()
    assert main(["show", f"{folder}@3"]) == Exit.OWN_FAULT
    assert "MANIFEST_" in capsys.readouterr().err


def test_one_set_is_verified_by_its_number(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """DIR@SEQ as for the other commands: that set alone, also where another one is damaged."""
    next(folder.glob("*.00000002.index")).unlink()
    code, report = run(capsys, "verify-snapshot", f"{folder}@1")
    assert (code, report["verified"], [each["set"] for each in report["sets"]]) == (Exit.DONE, 1, [1])
    code, record = run(capsys, "verify-snapshot", f"{folder}@2")
    assert (code, record["exit_code"]) == (Exit.OWN_FAULT, 1)
    assert record["error"].startswith("INDEX_")


def test_an_interrupted_command_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C while it reads: exit 130, one sentence, and the record for programs."""

    def stopped(path: Path) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "read_bytes", stopped)
    assert main(["decode", "any.crl", "--json"]) == Exit.INTERRUPTED
    captured = capsys.readouterr()
    assert captured.err.startswith("INTERRUPTED: ")
    record = json.loads(captured.out)
    assert (record["error"], record["exit_code"]) == ("INTERRUPTED", 130)


def test_text_for_people(folder: Path, lists: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    """The same facts without --json."""
    assert main(["show", str(folder)]) == Exit.DONE
    assert "set: 2" in capsys.readouterr().out
    assert main(["decode", str(lists[0])]) == Exit.DONE
    out = capsys.readouterr().out
    assert "crl_number: 41" in out
    assert "  certificateHold: 1" in out
    assert "delta_base: -" in out


def test_help_shows_an_example_and_usage_is_two(capsys: pytest.CaptureFixture[str]) -> None:
    """Each command's --help has one."""
    for command in ("decode", "show", "verify-snapshot", "stats", "freshness", "diff"):
        with pytest.raises(SystemExit) as stopped:
            main([command, "--help"])
        assert stopped.value.code == Exit.DONE
        assert f"python -m revocation {command}" in capsys.readouterr().out
    for wrong in ([], ["nonsense"], ["decode"]):
        with pytest.raises(SystemExit) as stopped:
            main(wrong)
        assert stopped.value.code == Exit.USAGE


def test_as_a_command_of_its_own(folder: Path) -> None:
    """``python -m revocation``, and a reader that has enough after one line."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "revocation", "show", str(folder)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    piped = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert piped.stdout is not None
    assert piped.stderr is not None
    piped.stdout.close()
    assert piped.stderr.read() == ""
    piped.stderr.close()
    assert piped.wait(60) == 0


def test_the_exit_codes_never_change() -> None:
    """Monitoring reads them."""
    assert {code.name: code.value for code in Exit} == {
        "DONE": 0,
        "OWN_FAULT": 1,
        "USAGE": 2,
        "NOTHING_NEW": 3,
        "PARTIAL": 4,
        "REFUSED": 5,
        "UPSTREAM_DOWN": 6,
        "REVOKED": 10,
        "NOT_DETERMINED": 11,
        "NOT_VALID": 12,
        "INTERRUPTED": 130,
    }


def test_a_folder_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    """A mistyped folder, with and without a set number: exit 5 and what to give instead."""
    for what in (str(tmp_path / "nope"), f"{tmp_path / 'nope'}@3"):
        done = subprocess.run(
            [sys.executable, "-m", "revocation", "stats", what],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == Exit.REFUSED
        assert "SET_FOLDER_MISSING" in done.stderr
