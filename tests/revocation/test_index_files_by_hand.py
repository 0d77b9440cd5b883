"""``python -m revocation``: build, verify-index, show SERIAL, stats and diff of index files."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from revocation.__main__ import main
from revocation.authority_file import write_authorities
from revocation.exits import Exit
from tests import pki
from tests.revocation.sets import accepted, ca, every_list, scope, store, world

LONG = 0x123456789ABCDEF0123456789ABCDEF


def crl(path: Path, number: int, *entries: bytes) -> Path:
    signer = ca().generations[0]
    path.write_bytes(
        pki.build_crl(signer, distribution_point=pki.point(1), number=number, entries=list(entries))
    )
    return path


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    path.write_bytes(ca().generations[0].certificate.public_bytes(Encoding.PEM))
    return path


@pytest.fixture
def days(tmp_path: Path, certificate: Path) -> tuple[Path, Path]:
    """Two index files: cafe removed, beef added, abba from hold to keyCompromise."""
    lists = (
        crl(tmp_path / "1.crl", 1, pki.entry(0xCAFE, reason=3), pki.entry(0xABBA, reason=6), pki.entry(LONG)),
        crl(tmp_path / "2.crl", 2, pki.entry(0xBEEF, reason=4), pki.entry(0xABBA, reason=1), pki.entry(LONG)),
    )
    for number, path in enumerate(lists, 1):
        assert (
            main(["build", str(path), "--ca", str(certificate), "--index", f"{tmp_path}/{number}.index"]) == 0
        )
    return tmp_path / "1.index", tmp_path / "2.index"


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code = main([*map(str, arguments), "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_lists_become_one_verified_index(
    tmp_path: Path, certificate: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two lists of one CA: entries of both, the serial that both name once, signatures verified; then every
    octet of the file is found in place."""
    lists = [
        crl(tmp_path / "a.crl", 1, pki.entry(5), pki.entry(6)),
        crl(tmp_path / "b.crl", 2, pki.entry(6), pki.entry(LONG)),
    ]
    code, built = run(capsys, "build", *lists, "--ca", certificate, "--index", tmp_path / "x.index")
    assert (code, built["entries"], built["repeated"]) == (Exit.DONE, 3, 1)
    assert built["signatures_verified"] is True
    code, verified = run(capsys, "verify-index", tmp_path / "x.index")
    assert (code, verified["verified"], verified["entries"]) == (Exit.DONE, True, 3)
    assert verified["sha256_tree"] == built["sha256_tree"]
    code, stats = run(capsys, "stats", tmp_path / "x.index")
    assert (code, stats["by_reason"], stats["long_entries"]) == (Exit.DONE, {"absent": 3}, 1)


def test_without_a_certificate_nobodys_word_is_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The report says that no signature was verified."""
    code, built = run(capsys, "build", crl(tmp_path / "a.crl", 1), "--index", tmp_path / "x.index")
    assert (code, built["signatures_verified"], built["entries"]) == (Exit.DONE, False, 0)


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda der: der[:-1] + bytes([der[-1] ^ 1]), "SIGNATURE_INVALID"),
        (lambda der: der[:-1], "DER_TRUNCATED"),
        (lambda _: b"", "LIST_IS_EMPTY"),
        (lambda _: b"<html>", "LIST_IS_HTML"),
    ],
)
def test_a_bad_list_builds_nothing(
    tmp_path: Path,
    certificate: Path,
    capsys: pytest.CaptureFixture[str],
    spoil: Any,
    expected: str,
) -> None:
    """Refused by its code with expected, got and remedy; no file is left, whole or in part."""
    path = crl(tmp_path / "a.crl", 1, pki.entry(5))
    path.write_bytes(spoil(path.read_bytes()))
    target = tmp_path / "out" / "x.index"
    target.parent.mkdir()
    code = main(["build", str(path), "--ca", str(certificate), "--index", str(target), "--json"])
    error = json.loads(capsys.readouterr().out)
    assert code == Exit.REFUSED
    assert error["error"] == expected
    assert all(error[part] for part in ("expected", "got", "remedy"))
    assert list(target.parent.iterdir()) == []


def test_an_index_file_is_never_overwritten(
    days: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A reader may have it mapped."""
    before = days[0].read_bytes()
    assert main(["build", str(tmp_path / "2.crl"), "--index", str(days[0])]) == Exit.REFUSED
    assert "TARGET_EXISTS" in capsys.readouterr().err
    assert days[0].read_bytes() == before


@pytest.mark.parametrize(
    ("serial", "expected"),
    [
        ("cafe", {"found": True, "reason": "affiliationChanged"}),
        ("00CAFE", {"found": True, "reason": "affiliationChanged"}),
        (format(LONG, "x"), {"found": True, "reason": "absent"}),
        ("beef", {"found": False}),
    ],
)
def test_show_asks_for_one_serial(
    days: tuple[Path, Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    serial: str,
    expected: dict[str, Any],
) -> None:
    """On the command line, or on standard input, which no process list shows; the answer never repeats it."""
    code, found = run(capsys, "show", serial, days[0])
    assert found.items() >= expected.items()
    assert code == (Exit.DONE if found["found"] else Exit.NOTHING_NEW)
    monkeypatch.setattr("sys.stdin", io.StringIO(serial + "\n"))
    assert run(capsys, "show", "-", days[0]) == (code, found)
    assert serial.lower() not in json.dumps(found).lower()


def test_show_asks_a_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By CA key, of the set that is published; where the CA limits the purpose, beside its authorities, it is
    refused."""
    authorities, authority = world()
    lists = every_list(authority) | {scope(authority, 1): accepted({0xCAFE: 3})}
    store(tmp_path / "sets").publish(lists, authorities, now=pki.T0)
    code, found = run(capsys, "show", "cafe", tmp_path / "sets")
    assert (code, found["found"], found["set"]) == (Exit.DONE, True, 1)
    assert [entry["reason"] for entry in found["entries"]] == ["affiliationChanged"]
    assert run(capsys, "show", "beef", tmp_path / "sets")[0] == Exit.NOTHING_NEW
    write_authorities(authorities, tmp_path / "authorities.json")
    code, refused = run(capsys, "show", "cafe", tmp_path / "sets")
    assert (code, refused["error"]) == (Exit.REFUSED, "PURPOSE_LIMITED")


def test_two_index_files_are_compared(days: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    """Though their mixing keys differ: added, removed and changed, counted, and named when asked for."""
    code, found = run(capsys, "diff", *days, "--serials")
    assert code == Exit.DONE
    assert (found["added"], found["removed"], found["changed"], found["changes"]) == (1, 1, 1, 3)
    kinds = {item["serial_number"]: item["kind"] for item in found["serials"]}
    assert kinds == {"beef": "added", "cafe": "removed", "abba": "changed"}
    assert run(capsys, "diff", days[0], days[0])[0] == Exit.NOTHING_NEW


def test_a_damaged_index_is_told(days: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    """One flipped bit: INDEX_CORRUPT, exit code 1, and what to do."""
    data = bytearray(days[0].read_bytes())
    data[100] ^= 1
    broken = days[0].with_name("broken.index")
    broken.write_bytes(bytes(data))
    assert main(["verify-index", str(broken), "--json"]) == Exit.OWN_FAULT
    error = json.loads(capsys.readouterr().out)
    assert error["error"] == "INDEX_CORRUPT"


def test_too_many_serials_are_a_usage_error(days: tuple[Path, Path]) -> None:
    """One after the other."""
    assert main(["show", "1", "2", str(days[0])]) == Exit.USAGE
