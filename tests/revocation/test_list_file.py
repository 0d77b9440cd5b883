"""A list's octets while they are decoded: of a small file a copy, of a large one a map that must rest."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from revocation.crl import list_file
from revocation.crl.fetch import Fetched
from revocation.crl.list_file import ListFile
from revocation.errors import OutsideFailed
from tests import pki
from tests.pki import entry
from tests.revocation.nights import Night, thread
from tests.revocation.test_take import held, taker

SMALL, LARGE = b"s" * 1000, b"l" * (256 * 1024 + 1)
HOURS_AGO = (1_600_000_000, 1_600_000_000)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """As an operator leaves it, hours ago."""
    path = tmp_path / "list.crl"
    path.write_bytes(LARGE)
    os.utime(path, HOURS_AGO)
    return path


@pytest.mark.parametrize(
    ("octets", "kind"), [(b"", bytes), (SMALL, bytes), (LARGE[:-1], bytes), (LARGE, memoryview)]
)
def test_the_octets_are_those_of_the_file(tmp_path: Path, octets: bytes, kind: type) -> None:
    """Up to 256 KiB in memory, beyond that mapped; nothing is open or mapped afterwards."""
    path = tmp_path / "list.crl"
    path.write_bytes(octets)
    with ListFile(path) as found:
        assert type(found.octets) is kind
        assert found.octets[:] == octets
        found.check_rested()
    del found
    assert held(tmp_path) == []


def test_reads_may_be_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As network file systems may answer; a file that was cut meanwhile gives what is left of it."""
    path = tmp_path / "list.crl"
    path.write_bytes(bytes(range(250)))
    read = os.read
    monkeypatch.setattr(list_file.os, "read", lambda descriptor, size: read(descriptor, min(size, 99)))
    with ListFile(path) as found:
        assert found.octets == bytes(range(250))
    monkeypatch.setattr(list_file.os, "read", lambda descriptor, size: read(descriptor, min(size, 99))[:99])
    fstat = os.fstat

    def larger(descriptor: int) -> os.stat_result:
        told = list(fstat(descriptor))
        told[6] += 50
        return os.stat_result(told)

    monkeypatch.setattr(list_file.os, "fstat", larger)
    with ListFile(path) as found:
        assert found.octets == bytes(range(250))


def test_what_cannot_be_read_leaves_nothing_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An I/O error of the disk: the archive's code, no path in the text, the descriptor closed."""
    path = tmp_path / "list.crl"
    path.write_bytes(SMALL)

    def fails(*_: object) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(list_file.os, "read", fails)
    with pytest.raises(OutsideFailed, match="ARCHIVE_UNREADABLE") as caught:
        ListFile(path)
    assert str(tmp_path) not in str(caught.value)
    assert held(tmp_path) == []


def overwrite(file: Path) -> None:
    with file.open("r+b") as writer:
        writer.write(b"x")


def grow(file: Path) -> None:
    with file.open("ab") as writer:
        writer.write(b"x")


def overwrite_unseen(file: Path) -> None:
    """The owner sets the modification time back; the change time he cannot."""
    overwrite(file)
    os.utime(file, HOURS_AGO)


def overwrite_and_remove(file: Path) -> None:
    overwrite(file)
    file.unlink()


def make_writable(file: Path) -> None:
    """The first step of a write that nobody has seen yet."""
    file.chmod(0o644)


@pytest.mark.parametrize("how", [overwrite, grow, overwrite_unseen, overwrite_and_remove, make_writable])
def test_a_mapped_file_that_was_written_to(file: Path, how: Callable[[Path], None]) -> None:
    """Walk and hash may have seen two lists: FETCH_CHANGING, and the next round takes it again."""
    file.chmod(0o444)
    with ListFile(file) as found:
        how(file)
        with pytest.raises(OutsideFailed, match="FETCH_CHANGING"):
            found.check_rested()


@pytest.mark.parametrize("how", ["another in its place", "removed", "linked", "read"])
def test_what_happens_to_a_name_is_no_change(file: Path, tmp_path: Path, how: str) -> None:
    """The operator puts the next list where this one lay, while it is decoded: as he should."""
    with ListFile(file) as found:
        if how == "another in its place":
            (tmp_path / "next").write_bytes(SMALL)
            (tmp_path / "next").replace(file)
        elif how == "removed":
            file.unlink()
        elif how == "linked":
            os.link(file, tmp_path / "kept")
        else:
            file.read_bytes()
        found.check_rested()
        assert found.octets[:] == LARGE


def test_a_small_file_may_change_as_it_likes(file: Path) -> None:
    """What was read is what is judged, in every pass over it."""
    file.write_bytes(SMALL)
    with ListFile(file) as found:
        overwrite(file)
        found.check_rested()
        assert found.octets == SMALL


async def test_a_list_written_to_while_it_is_decoded_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Accepted or refused, what was found counts for nothing; the next round takes the list as it is then."""
    night = Night(tmp_path, pki.make_ca(kind="p256"))
    await thread(night.serve, 0, {night.scopes[0]: [entry(7)]})
    first, second = night.scopes[:2]
    good = await thread(night.file(second).read_bytes)
    await thread(night.file(second).write_bytes, good[:-9])
    monkeypatch.setattr(list_file, "_READ_OCTETS", 0)
    writing = True

    class Touching(ListFile):
        """Somebody writes the same octets once more, in the very moment."""

        def check_rested(self) -> None:
            if writing:
                for scope in (first, second):
                    path = night.file(scope)
                    path.write_bytes(path.read_bytes())
            super().check_rested()

    monkeypatch.setattr("revocation.take.ListFile", Touching)
    judge = taker(night)
    fetched = {scope: Fetched(night.file(scope), "folder", None) for scope in (first, second)}
    taken, refused = await judge.take(fetched)
    assert taken == []
    assert [one.error.code for one in refused] == ["FETCH_CHANGING"] * 2
    assert all(one.stored is None for one in refused)
    writing = False
    taken, refused = await judge.take(fetched)
    assert [one.scope for one in taken] == [first]
    assert [one.error.code for one in refused] == ["DER_TRUNCATED"]
    assert await thread(held, night.inbox) == []
