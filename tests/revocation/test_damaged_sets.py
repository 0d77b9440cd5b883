"""T23: a published set is damaged on its disk: refused whole, the old one goes on, the next publish heals."""

from __future__ import annotations

from pathlib import Path

import pytest

from revocation.errors import OwnFault
from revocation.snapshot.durable import Disk
from revocation.snapshot.publish import settle
from tests.revocation.sets import (
    T0,
    accepted,
    every_list,
    reader,
    scope,
    store,
    world,
)


def serial(value: int) -> bytes:
    return bytes([value])


def corrupt(path: Path, how: str) -> None:
    data = bytearray(path.read_bytes())
    path.unlink()  # 0444, so an attacker or a broken disk replaces it
    if how == "flip":
        data[len(data) // 2] ^= 0x10
    elif how == "truncate":
        del data[-64:]
    elif how == "zero":
        data[: len(data)] = bytes(len(data))
    elif how == "swap":
        half = len(data) // 2
        data = data[half:] + data[:half]
    if how != "missing":
        path.write_bytes(data)


@pytest.mark.parametrize("how", ["flip", "truncate", "zero", "swap", "missing"])
@pytest.mark.parametrize("what", ["*00000002.index", "00000002.manifest"])
def test_a_damaged_set_is_refused_and_the_old_one_serves(tmp_path: Path, what: str, how: str) -> None:
    """T23: a running reader keeps its set, a new one takes the set below, both say why and that it is
    superseded; a publish heals."""
    authorities, authority = world()
    one = scope(authority, 1)
    writer, running = store(tmp_path), reader(tmp_path)
    writer.publish(every_list(authority) | {one: accepted({5: 3, 6: 4})}, authorities, now=T0)
    held = running.current()
    writer.publish(every_list(authority, 1) | {one: accepted({5: 3}, number=2)}, authorities, now=T0)
    corrupt(next(tmp_path.glob(what)), how)
    starting = reader(tmp_path)
    assert held is not None
    assert not held.superseded
    for each in (running, starting):
        fallen_back = each.current()
        assert fallen_back is not None
        assert (fallen_back.seq, fallen_back.superseded) == (1, True)
        assert isinstance(each.refusal, OwnFault)
        assert each.current() is fallen_back  # again, without another look at the damage
    healed = store(tmp_path).publish(every_list(authority, 2), authorities, now=T0)
    assert healed.seq == 3
    for each in (running, starting, reader(tmp_path)):
        now = each.current()
        assert now is not None
        assert (now.seq, now.superseded, each.refusal) == (3, False, None)
    # Built around set 2: what set 1 listed was not lost, and detection is not sent into the damage.
    assert healed.lookup(one.lineage, serial(6)) is not None
    assert reader(tmp_path).sequences() == [1, 3]


@pytest.mark.parametrize("content", [b"", b"2 zz\n", b"1 " + b"0" * 64 + b"\n", None])
def test_a_damaged_current_is_refused_and_healed(tmp_path: Path, content: bytes | None) -> None:
    """Empty, garbled, another hash, lost: readers go on, and the next number lies above every manifest."""
    authorities, authority = world()
    writer, running = store(tmp_path), reader(tmp_path)
    for day in range(2):
        writer.publish(every_list(authority, day), authorities, now=T0)
    held = running.current()
    (tmp_path / "CURRENT").unlink()
    if content is not None:
        (tmp_path / "CURRENT").write_bytes(content)
    assert running.current() is held
    assert running.refusal is not None
    starting = reader(tmp_path)
    starting.current()
    assert starting.refusal is not None
    healed = store(tmp_path).publish(every_list(authority, 2), authorities, now=T0)
    moved = running.current()
    assert moved is not None
    assert moved.seq == healed.seq
    assert healed.seq > 1


def two_sets(folder: Path) -> None:
    authorities, authority = world()
    for day in range(2):
        store(folder).publish(every_list(authority, day), authorities, now=T0)


def refusal_of(folder: Path) -> str:
    starting = reader(folder)
    snapshot = starting.current()
    assert snapshot is not None
    assert (snapshot.seq, snapshot.superseded) == (1, True)
    assert starting.refusal is not None
    return starting.refusal.code


def test_a_manifest_under_another_number_is_refused(tmp_path: Path) -> None:
    """Well signed, and the one that CURRENT's hash names, but it calls itself another set."""
    two_sets(tmp_path)
    digest = (tmp_path / "CURRENT").read_text().split()[1]
    (tmp_path / "00000002.manifest").rename(tmp_path / "00000003.manifest")
    (tmp_path / "CURRENT").unlink()
    (tmp_path / "CURRENT").write_text(f"3 {digest}\n")
    assert refusal_of(tmp_path) == "MANIFEST_MISMATCH"


def test_a_manifest_that_current_does_not_name_is_refused(tmp_path: Path) -> None:
    """Well signed and of the right number, but with another hash than CURRENT has."""
    two_sets(tmp_path)
    (tmp_path / "CURRENT").unlink()
    (tmp_path / "CURRENT").write_text(f"2 {'0' * 64}\n")
    assert refusal_of(tmp_path) == "MANIFEST_MISMATCH"


@pytest.mark.parametrize("other", ["set", "lineage"])
def test_a_whole_index_file_of_elsewhere_is_refused(tmp_path: Path, other: str) -> None:
    """Nothing is wrong with it, but it is another set's, or another lineage's: by its hash, and its name."""
    two_sets(tmp_path)
    old, new = sorted(tmp_path.glob("*.00000001.index")), sorted(tmp_path.glob("*.00000002.index"))
    source = old[0] if other == "set" else new[1]
    data = source.read_bytes()
    new[0].unlink()
    new[0].write_bytes(data)
    assert refusal_of(tmp_path) == "INDEX_MISMATCH"


@pytest.mark.parametrize(
    ("current", "manifests", "number", "left"),
    [
        (None, [], 1, []),
        (None, [1], 1, []),  # a first publish that was killed before its commit
        (None, [2], 3, [2]),
        (None, [1, 2], 3, [1, 2]),
        ("2 zz\n", [], 1, []),
        ("2 zz\n", [1], 2, [1]),
        ("2 zz\n", [3, 5, 8], 9, [3, 5, 8]),
        (f"3 {'0' * 64}\n", [1, 3], 4, [1, 3]),
        (f"3 {'0' * 64}\n", [1, 3, 4, 5], 4, [1, 3]),
        (f"3 {'0' * 64}\n", [], 4, []),
    ],
)
def test_the_number_after_what_was_left_behind(
    tmp_path: Path, current: str | None, manifests: list[int], number: int, left: list[int]
) -> None:
    """Above CURRENT nothing was committed and it goes; without CURRENT nobody can say, so all stays and the
    number lies above every manifest. Temporary files go in any case, foreign ones never."""
    for seq in manifests:
        (tmp_path / f"{seq:08}.manifest").touch()
        (tmp_path / f"x.ff.{seq:08}.index").touch()
    for name in (".y.tmp", "notes.tmp", ".notes"):
        (tmp_path / name).touch()
    if current is not None:
        (tmp_path / "CURRENT").write_text(current)
    assert settle(Disk(), tmp_path) == number
    names = {path.name for path in tmp_path.iterdir()} - {"CURRENT"}
    kept = {name for seq in left for name in (f"{seq:08}.manifest", f"x.ff.{seq:08}.index")}
    assert names == kept | {"notes.tmp", ".notes"}
