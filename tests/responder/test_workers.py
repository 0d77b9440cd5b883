"""``--workers``: several processes, and never an answer older than one that was given."""

from __future__ import annotations

import os
import signal
import time
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.x509 import ocsp

from platform_api.responder.bundle import Bundles, Newest
from revocation.errors import OutsideFailed
from revocation.exits import Exit
from tests import pki
from tests.pki import entry
from tests.responder.running import (
    GOOD,
    NOW,
    REVOKED,
    THIS_UPDATE,
    WAIT_S,
    Running,
    crl,
    fetch,
    openssl,
    refused,
    running,
    words,
    write_files,
)
from tests.responder.test_command import request
from tests.responder.worlds import given, made, word


def children(one: Running) -> set[int]:
    found = Path(f"/proc/{one.process.pid}/task/{one.process.pid}/children").read_text(encoding="ascii")
    return set(map(int, found.split()))


def words_of(one: Running, octets: bytes, times: int = 24) -> set[str]:
    """What is said on so many connections, which the kernel spreads over the workers."""
    return {
        ocsp.load_der_ocsp_response(fetch(one.url, data=octets)[1]).certificate_status.name
        for _ in range(times)
    }


def test_several_answer_as_one(tmp_path: Path) -> None:
    """OpenSSL believes them; a new list is answered from by all or none; one that is killed comes again."""
    ca = write_files(tmp_path)
    octets = request(tmp_path)
    with running([*words(tmp_path), "--workers", "2"]) as one:
        assert len(children(one)) == 2
        for serial, expected in ((GOOD, ": good"), (REVOKED, ": revoked")):
            said = openssl(tmp_path / "ca.pem", serial, one.url, "-CAfile", tmp_path / "ca.pem")
            assert "Response verify OK" in said, said
            assert expected in said, said
        assert words_of(one, octets) == {"GOOD"}
        newer = crl(ca, [entry(GOOD, THIS_UPDATE)], number=4, this_update=NOW - timedelta(minutes=9))
        (tmp_path / "ca.crl").write_bytes(newer)
        last = "GOOD"
        deadline = time.monotonic() + WAIT_S
        while one.lines.empty():
            [said] = words_of(one, octets, 1)
            assert (last, said) != ("REVOKED", "GOOD")
            last = said
            assert time.monotonic() < deadline
        assert one.next_record() == {"responder": "reloaded"}
        assert words_of(one, octets) == {"REVOKED"}
        before = children(one)
        os.kill(min(before), signal.SIGKILL)
        while len(after := children(one)) < 2 or after == before:
            assert time.monotonic() < deadline + WAIT_S
        assert words_of(one, octets, 6) == {"REVOKED"}
        assert b"jpki_ocsp_" in one.admin("/metrics")[1]
        assert one.stop(signal.SIGINT) == Exit.DONE


def test_refused_as_one_process_refuses(tmp_path: Path) -> None:
    """The same sentence with the same file's name, before any worker is started."""
    ca = write_files(tmp_path)
    (tmp_path / "ca.crl").write_bytes(crl(ca, number=None))
    code, record, sentence = refused([*words(tmp_path), "--workers", "2"])
    assert (code, record["error"]) == (Exit.REFUSED, "CRL_NUMBER_MISSING")
    assert "in ca.crl" in sentence


def test_copies_are_what_the_files_were(tmp_path: Path) -> None:
    """Whatever is done to the files after that; handed on with their number; no key on any disk."""
    ca = pki.make_ca(generations=1, kind="p256", first_key=470)
    wanted = given(tmp_path, [ca], {"ca.crl": crl(ca)})
    folder = tmp_path / "names"
    folder.mkdir()
    copies = Bundles(folder).take(wanted)
    assert [path.name for path in copies.files()] == [path.name for path in wanted.files()]
    for path in wanted.files():
        path.write_bytes(b"")
    assert all(path.is_symlink() for path in folder.rglob("*") if not path.is_dir())
    Newest(folder).write(7, copies)
    newest = Newest(folder)
    assert newest.is_unread()
    assert newest.read() == (7, copies)
    assert not newest.is_unread()
    Newest(folder).write(8, copies)
    assert newest.is_unread()
    assert word(made(newest.read()[1]), ca, REVOKED) == "REVOKED"
    wanted.lists[0].unlink()
    with pytest.raises(OutsideFailed, match="FILE_UNREADABLE"):
        Bundles(folder / "other").take(wanted)
