"""A file opened in one call: what the system says of it, its map, and what both refuse."""

from __future__ import annotations

import errno
import os
import signal
from pathlib import Path

import pytest

from revocation.crl._opened import OpenedFile
from revocation.crl.familiar import FileFacts
from revocation.crl.pages import WINDOW_OCTETS, PagesBehind
from tests.revocation.test_take import held

OCTETS = bytes(range(256)) * 64


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "list.crl"
    path.write_bytes(OCTETS)
    os.utime(path, ns=(1, 1_700_000_000_123_456_789))
    path.chmod(0o640)
    return path


def resident(path: Path) -> int:
    """KiB of the file's map that are in this process's memory."""
    lines = iter(Path("/proc/self/smaps").read_text(encoding="ascii").splitlines())
    for line in lines:
        if line.endswith(str(path)):
            return next(int(one.split()[1]) for one in lines if one.startswith("Rss:"))
    raise AssertionError("expected the file to be mapped")


def test_its_facts_are_those_of_stat(path: Path) -> None:
    """To the nanosecond, also where names are many and others may write."""
    os.link(path, path.with_suffix(".kept"))
    for mode in (0o640, 0o660):
        path.chmod(mode)
        assert FileFacts.told(*OpenedFile(os.fsencode(path), 0).facts) == FileFacts.of(path)
    assert not FileFacts.of(path).is_ours


@pytest.mark.parametrize(
    ("unmapped", "is_mapped"), [(0, True), (len(OCTETS) - 1, True), (len(OCTETS), False)]
)
def test_more_octets_than_asked_for_are_mapped(path: Path, unmapped: int, is_mapped: bool) -> None:
    """Fewer are left to be read; nothing of an empty file can be mapped."""
    opened = OpenedFile(os.fsencode(path), unmapped)
    assert opened.is_mapped is (len(OCTETS) > unmapped)
    if opened.is_mapped:
        view = memoryview(opened)
        assert view.readonly
        assert view == OCTETS
    else:
        with pytest.raises(BufferError):
            memoryview(opened)
        assert os.read(opened.descriptor, 1 << 20) == OCTETS
    path.write_bytes(b"")
    assert not OpenedFile(os.fsencode(path), 0).is_mapped


def test_the_map_outlives_the_descriptor(path: Path) -> None:
    """Views go on after ``close``; with the last of them nothing of the file is held."""
    opened = OpenedFile(os.fsencode(path), 0)
    view = memoryview(opened)[5:9]
    opened.close()
    opened.close()
    assert opened.descriptor == -1
    del opened
    assert bytes(view) == OCTETS[5:9]
    del view
    assert held(path.parent) == []
    OpenedFile(os.fsencode(path), 0)  # never closed
    assert held(path.parent) == []


def test_what_cannot_be_opened_is_an_os_error(tmp_path: Path) -> None:
    """With the system's number, and no name in it; nothing stays open."""
    with pytest.raises(OSError, match="No such file") as caught:
        OpenedFile(os.fsencode(tmp_path / "none"), 0)
    assert caught.value.errno == errno.ENOENT
    assert str(tmp_path) not in str(caught.value)
    # A folder can be opened, and has a size, but cannot be mapped.
    with pytest.raises(OSError, match=os.strerror(errno.ENODEV)):
        OpenedFile(os.fsencode(tmp_path), 0)
    assert held(tmp_path) == []
    with pytest.raises(ValueError, match="NUL"):
        OpenedFile(os.fsencode(tmp_path) + b"\0", 0)


@pytest.mark.parametrize("wrong", [("a text", 0), (b"/", 1 << 70), (b"/",), ()])
def test_what_was_never_opened_is_never_closed(wrong: tuple[object, ...]) -> None:
    """Descriptor 0 is somebody else's: it stands after every argument that is refused."""
    before = os.fstat(0)
    with pytest.raises((TypeError, OverflowError)):
        OpenedFile(*wrong)  # type: ignore[arg-type, call-arg]
    assert os.path.samestat(os.fstat(0), before)


def test_a_signal_while_it_is_opened(tmp_path: Path) -> None:
    """As a network file system may be interrupted: a handler that says nothing changes nothing, one that
    raises ends the wait. A pipe without a writer is what can be waited for here."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    heard: list[int] = []

    def handler(*_: object) -> None:
        heard.append(len(heard))
        if len(heard) == 2:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
        with pytest.raises(KeyboardInterrupt):
            OpenedFile(os.fsencode(pipe), 0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert heard == [0, 1]
    assert held(tmp_path) == []


def test_a_closed_file_cannot_be_asked(path: Path) -> None:
    """Not "unchanged": nobody knows."""
    opened = OpenedFile(os.fsencode(path), 0)
    assert opened.is_as_it_was()
    opened.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        opened.is_as_it_was()


def test_pages_are_let_go_of_and_read_anew(tmp_path: Path) -> None:
    """Behind whoever reads a map larger than a window; the octets stay those of the file."""
    path = tmp_path / "large.crl"
    octets = os.urandom(1 << 16) * 128
    path.write_bytes(octets)
    opened = OpenedFile(os.fsencode(path), 0)
    view = memoryview(opened)
    assert view == octets
    assert resident(path) >= len(octets) // 1024
    pages = PagesBehind(view)
    pages.drop(WINDOW_OCTETS + 100)
    assert resident(path) <= (len(octets) - WINDOW_OCTETS) // 1024
    assert view == octets


def test_pages_of_a_part_or_of_little_are_left_alone(tmp_path: Path) -> None:
    """Offsets of a part are not those of the file; a small map goes whole, soon."""
    path = tmp_path / "large.crl"
    octets = os.urandom(1 << 16) * 80
    path.write_bytes(octets)
    view = memoryview(OpenedFile(os.fsencode(path), 0))
    assert view == octets
    before = resident(path)
    PagesBehind(view[1:]).drop(WINDOW_OCTETS)
    assert resident(path) == before
    path.write_bytes(octets[:WINDOW_OCTETS])
    view = memoryview(OpenedFile(os.fsencode(path), 0))
    assert view == octets[:WINDOW_OCTETS]
    before = resident(path)
    PagesBehind(view).drop(WINDOW_OCTETS)
    assert resident(path) == before


@pytest.mark.parametrize(("start", "end"), [(-1, 4096), (4096, 0), (0, len(OCTETS) + 1)])
def test_only_pages_of_the_map_can_be_let_go_of(path: Path, start: int, end: int) -> None:
    """Pages of other memory would be lost."""
    opened = OpenedFile(os.fsencode(path), 0)
    with pytest.raises(ValueError, match="inside a mapped file"):
        opened.let_go(start, end)
    with pytest.raises(ValueError, match="inside a mapped file"):
        OpenedFile(os.fsencode(path), len(OCTETS)).let_go(0, 0)
