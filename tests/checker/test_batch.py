"""Many cases, a line each: answered in order, whatever a line holds; files of every form read once."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from revocation.checker.batch import NamedCase, answer, answers
from revocation.checker.files import Files
from revocation.checker.verdict import PRECEDENCE
from tests import pki
from tests.pki import T0, entry

NOW = T0 + timedelta(hours=1)
SERIAL = 77


def pem(label: str, der: bytes, line_end: str = "\n") -> bytes:
    """RFC 7468."""
    text = base64.encodebytes(der).decode().strip().replace("\n", line_end)
    return f"-----BEGIN {label}-----{line_end}{text}{line_end}-----END {label}-----{line_end}".encode()


@pytest.fixture(scope="module")
def ca() -> pki.CA:
    return pki.make_ca(generations=1, kind="p256", first_key=41)


@pytest.fixture
def folder(ca: pki.CA, tmp_path: Path) -> Path:
    """A CA, a certificate, a list that is empty and one that names it."""
    (tmp_path / "ca.der").write_bytes(ca.certificates[0].public_bytes(Encoding.DER))
    (tmp_path / "leaf.der").write_bytes(pki.issue(ca, serial=SERIAL).public_bytes(Encoding.DER))
    signer = ca.generations[0]
    (tmp_path / "empty.crl").write_bytes(pki.build_crl(signer, dn=ca.subject))
    (tmp_path / "full.crl").write_bytes(
        pki.build_crl(signer, dn=ca.subject, entries=[entry(SERIAL, reason=3)], number=2)
    )
    return tmp_path


def line(folder: Path, *lists: str, **changed: Any) -> bytes:
    row = {
        "id": "a",
        "trust": [str(folder / "ca.der")],
        "crls": [str(folder / one) for one in lists],
        "cert": str(folder / "leaf.der"),
        "at": "2026-11-20T10:00:00+09:00",
    }
    return json.dumps({**row, **changed}).encode() + b"\n"


def test_answers_are_in_order_and_say_all_that_is_asked(folder: Path) -> None:
    """A line in, a line out, with id, status, reason and why, and nothing else."""
    lines = [
        line(folder, "empty.crl", id=1),
        b"\n",
        line(folder, "full.crl", id=None),
        line(folder, id={"any": ["json"]}),
    ]
    found = list(answers(lines, Files(), NOW))
    assert [(one["id"], one["status"], one["reason"]) for one in found] == [
        (1, "good", None),
        (None, "revoked", "affiliationChanged"),
        ({"any": ["json"]}, "unknown", None),
    ]
    assert {tuple(one) for one in found} == {("id", "status", "reason", "why")}


def test_keys_that_nobody_knows_are_left_alone(folder: Path) -> None:
    """What is expected, or a note, may stand in the line."""
    assert answer(line(folder, "empty.crl", expect="good", note=1), Files(), NOW)["status"] == "good"


def test_without_a_time_it_is_now(folder: Path) -> None:
    """``at`` left out or null asks about the moment that the command was given."""
    for row in (line(folder, "empty.crl", at=None), line(folder, "empty.crl").replace(b'"at"', b'"not"')):
        assert answer(row, Files(), NOW)["status"] == "good"
        assert answer(row, Files(), NOW + timedelta(days=3))["status"] == "unknown"


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"[]",
        b"{",
        b"nonsense",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"id":1}',
        b'{"id":1,"cert":5,"trust":["a"]}',
        b'{"id":1,"cert":"a"}',
        b'{"id":1,"cert":"a","trust":"a"}',
        b'{"id":1,"cert":"a","trust":["a"],"crls":[1]}',
        b'{"id":1,"cert":"a","trust":["a"],"at":5}',
        b'{"id":1,"cert":"a","trust":["a"],"at":"0001-01-01T00:00:00+09:00"}',
        b'{"id":1,"cert":"a","trust":["a"],"at":"9999-12-31T23:59:59-09:00"}',
        b'{"id":1,"cert":"a","trust":["a"],"at":"2026-11-20T10:00:00"}',
        b'{"id":1,"cert":"a","trust":["a"],"tolerances":["everything"]}',
        b'{"id":1,"cert":"a\\u0000b","trust":["a"]}',
        b'{"id":1,"cert":"no such file","trust":["no such file"]}',
        b'{"id":1,"cert":"/","trust":["/"]}',
    ],
)
def test_a_line_that_is_no_case(broken: bytes) -> None:
    """It is answered by an error with expected, got and remedy; the status is none at all."""
    found = answer(broken, Files(), NOW)
    assert found["status"] is None
    assert all(found["error"][part] for part in ("expected", "got", "remedy"))
    assert found["why"].startswith(found["error"]["error"])


def test_without_any_trust_there_is_no_path(folder: Path) -> None:
    """RFC 5280 section 6.1.1 (d): an empty trust is a question like any other."""
    found = answer(line(folder, "empty.crl", trust=[]), Files(), NOW)
    assert (found["status"], found["why"].split()[0]) == ("path-invalid", "PATH_NO_ANCHOR")


def test_a_fault_of_ours_costs_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is raised: the line says so by a code and the name of the error, and the next one is asked."""

    def broken(self: NamedCase, files: Files) -> None:
        raise ZeroDivisionError("with a serial in its text: 0x4d")

    lines = [line(folder, "empty.crl"), line(folder, "full.crl")]
    with monkeypatch.context() as patched:
        patched.setattr(NamedCase, "read", broken)
        first = answer(lines[0], Files(), NOW)
    assert (first["status"], first["error"]["error"], first["error"]["got"]) == (
        None,
        "CHECK_FAILED",
        "ZeroDivisionError",
    )
    assert "0x4d" not in json.dumps(first)
    assert answer(lines[1], Files(), NOW)["status"] == "revoked"


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_the_ends_of_time(ca: pki.CA, folder: Path, at: str) -> None:
    """The first and the last moment are moments, of the question and of a list."""
    assert answer(line(folder, "empty.crl", at=at), Files(), NOW)["status"] == "path-invalid"
    first = pki.build_crl(ca.generations[0], dn=ca.subject, this_update=b"\x18\x0f00010101000000Z")
    last = pki.build_crl(ca.generations[0], dn=ca.subject, next_update=b"\x18\x0f99991231235959Z")
    (folder / "first.crl").write_bytes(first)
    (folder / "last.crl").write_bytes(last)
    for name in ("first.crl", "last.crl"):
        assert answer(line(folder, name), Files(), NOW)["status"] == "good"


def test_lines_after_a_broken_one_are_answered(folder: Path) -> None:
    """One bad line costs one answer."""
    lines = [b"nonsense\n", line(folder, "empty.crl", crls=["missing.crl"]), line(folder, "empty.crl")]
    assert [one["status"] for one in answers(lines, Files(), NOW)] == [None, None, "good"]


@pytest.mark.parametrize(
    "written",
    [
        lambda der: pem("X509 CRL", der),
        lambda der: pem("X509 CRL", der, "\r\n"),
        lambda der: b"Issuer: somebody\n" + pem("CRL", der),
        lambda der: pem("CERTIFICATE", b"not asked") + pem("X509 CRL", der),
    ],
)
def test_a_list_in_pem(folder: Path, written: Callable[[bytes], bytes]) -> None:
    """RFC 7468, with lines above it, other line ends, the older label, among other blocks."""
    (folder / "list.pem").write_bytes(written((folder / "full.crl").read_bytes()))
    assert answer(line(folder, "list.pem"), Files(), NOW)["status"] == "revoked"


def test_a_bundle_of_lists_is_all_of_them(folder: Path) -> None:
    """Each block counts, and a damaged one is no list rather than none."""
    empty, full = ((folder / name).read_bytes() for name in ("empty.crl", "full.crl"))
    bundle = folder / "bundle.pem"
    bundle.write_bytes(pem("X509 CRL", empty) + pem("X509 CRL", full))
    assert answer(line(folder, "bundle.pem"), Files(), NOW)["status"] == "revoked"
    damaged = pem("X509 CRL", full).replace(b"MII", b"M!I", 1)
    assert damaged != pem("X509 CRL", full)
    bundle.write_bytes(damaged)
    assert answer(line(folder, "bundle.pem"), Files(), NOW)["status"] == "malformed"


def test_a_bundle_that_is_cut_off(folder: Path) -> None:
    """Wherever a download ended: the list that was left incomplete is one that is malformed, never just
    missing.
    """
    empty, full = ((folder / name).read_bytes() for name in ("empty.crl", "full.crl"))
    first, second = pem("X509 CRL", empty), pem("X509 CRL", full)
    cuts = [(first + second)[:cut] for cut in range(len(first) + len("-----BEGIN "), len(first + second) - 1)]
    for text in (*cuts, (first + second)[:-20] + b"-----END CERTIFICATE-----\n"):
        (folder / "bundle.pem").write_bytes(text)
        assert [one.is_malformed for one in Files().lists(str(folder / "bundle.pem"))] == [False, True]


def test_a_chain_in_the_certificate_file(ca: pki.CA, folder: Path) -> None:
    """The first certificate is asked about, the others may be of use."""
    leaf = pem("CERTIFICATE", (folder / "leaf.der").read_bytes())
    chain = leaf + pem("CERTIFICATE", (folder / "ca.der").read_bytes())
    (folder / "chain.pem").write_bytes(chain)
    assert (
        answer(line(folder, "full.crl", cert=str(folder / "chain.pem")), Files(), NOW)["status"] == "revoked"
    )


@pytest.mark.parametrize(
    "content", [b"", b"<html>", b"\x30\x80\x00\x00", b"-----BEGIN X509 CRL-----\n", b"\x00" * 99]
)
def test_what_is_no_list(folder: Path, content: bytes) -> None:
    """malformed when no other list decides; beside one that decides, it is nothing."""
    (folder / "other").write_bytes(content)
    assert answer(line(folder, "other"), Files(), NOW)["status"] == "malformed"
    assert answer(line(folder, "other", "full.crl"), Files(), NOW)["status"] == "revoked"
    assert answer(line(folder, "other", "empty.crl"), Files(), NOW)["status"] == "good"


def test_what_is_no_certificate(folder: Path) -> None:
    """The asked one: no path. A trust anchor: none. Another one: not there."""
    (folder / "other").write_bytes(b"\x30\x03abc")
    other = str(folder / "other")
    asked = answer(line(folder, "empty.crl", cert=other), Files(), NOW)
    assert (asked["status"], asked["why"].split()[0]) == ("path-invalid", "CERTIFICATE_MALFORMED")
    trusted = answer(line(folder, "empty.crl", trust=[other]), Files(), NOW)
    assert (trusted["status"], trusted["why"].split()[0]) == ("path-invalid", "PATH_NO_ANCHOR")
    assert answer(line(folder, "empty.crl", intermediates=[other]), Files(), NOW)["status"] == "good"


def test_relative_paths(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: Any) -> None:
    """From the working folder, else from that of the batch."""
    row = json.dumps(
        {"trust": ["ca.der"], "crls": ["full.crl"], "cert": "leaf.der", "at": "2026-11-20T02:00:00Z"}
    )
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert answer(row.encode(), Files(), NOW)["error"]["error"] == "FILE_UNREADABLE"
    assert answer(row.encode(), Files(folder), NOW)["status"] == "revoked"
    monkeypatch.chdir(folder)
    assert answer(row.encode(), Files(), NOW)["status"] == "revoked"


def test_a_file_that_changes_is_read_again(folder: Path) -> None:
    """What is remembered is the file as it was; a new one is another one, and equal facts are none."""
    files = Files()
    assert answer(line(folder, "empty.crl"), files, NOW)["status"] == "good"
    one = files.lists(str(folder / "empty.crl"))
    assert files.lists(str(folder / "empty.crl"))[0] is one[0]
    (folder / "full.crl").replace(folder / "empty.crl")
    assert answer(line(folder, "empty.crl"), files, NOW)["status"] == "revoked"


def test_tolerances_belong_to_the_line(ca: pki.CA, folder: Path) -> None:
    """A list is judged anew for a line with other tolerances."""
    (folder / "bare.crl").write_bytes(pki.build_crl(ca.generations[0], dn=ca.subject, number=None))
    files = Files()
    for _ in range(2):
        assert answer(line(folder, "bare.crl"), files, NOW)["status"] == "unknown"
        tolerant = line(folder, "bare.crl", tolerances=["missing_crl_number"])
        assert answer(tolerant, files, NOW)["status"] == "good"


def test_a_pipe_is_read_to_its_end(folder: Path) -> None:
    """``--crl <(curl …)``: no size, no second reading; what it gave is kept."""
    reading, writing = os.pipe()
    os.write(writing, (folder / "full.crl").read_bytes())
    os.close(writing)
    try:
        found = answer(line(folder, crls=[f"/dev/fd/{reading}"]), Files(), NOW)
    finally:
        os.close(reading)
    assert found["status"] == "revoked"


@given(data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_octets_end_a_batch(folder: Path, data: st.DataObject) -> None:
    """Lists and certificates with any octets changed: always a status, and good only where nothing changed
    that counts.
    """
    place = data.draw(st.sampled_from(["ca.der", "leaf.der", "full.crl"]))
    whole = (folder / place).read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    octets = data.draw(st.binary(max_size=4))
    (folder / "changed").write_bytes(whole[:at] + octets + whole[at + len(octets) :])
    changed = str(folder / "changed")
    names = {"ca.der": {"trust": [changed]}, "leaf.der": {"cert": changed}, "full.crl": {"crls": [changed]}}
    found = answer(line(folder, "full.crl", **names[place]), Files(), NOW)
    assert found["status"] in PRECEDENCE
    assert found["status"] != "good"
