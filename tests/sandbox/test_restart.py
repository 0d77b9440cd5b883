"""The folder: the same world after a restart, torn lines cut off, damage refused, no number signed twice."""

from __future__ import annotations

import json
import shutil
import zlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from platform_api.sandbox.acts import Options
from platform_api.sandbox.publications import number_of_day
from platform_api.sandbox.refusals import FolderDamaged, RequestRefused, StartRefused
from platform_api.sandbox.world import World
from revocation.clock import FixedClock
from tests.sandbox.worlds import DAY, NOW, all_lists, life_of, open_world, play_days

LAST = NOW - timedelta(minutes=5)


def _everything(world: World) -> dict[str, Any]:
    """All that the outside can see of a world."""
    register, publication = world.begun()
    return {
        "facts": world.facts(),
        "clock": (world.clock.version, world.clock.offset_us),
        "life": life_of(world),
        "lists": all_lists(world),
        "entries": publication.entries,
        "certificates": {
            resident.resident_id: [world.maker.der(certificate) for certificate in resident.certificates[-1:]]
            for resident in list(register.residents.values())[:15]
        },
        "authority": [generation.pem for generation in world.authority.generations],
    }


def _lived_world(folder: Path) -> World:
    world = open_world(folder, seed=3)
    play_days(world, 2)
    world.act("move", "r-000001", Options(3))
    world.act("hold", "r-000002", Options())
    return world


def test_a_restart_gives_the_same_world(tmp_path: Path) -> None:
    """Clock, log, lists, certificates are octet for octet those of before, and life goes on the same."""
    world = _lived_world(tmp_path / "one")
    before = _everything(world)
    world.close()
    shutil.copytree(tmp_path / "one", tmp_path / "copy")
    again = open_world(tmp_path / "one")
    assert _everything(again) == before
    copy = open_world(tmp_path / "copy")
    for each in (again, copy):
        each.play(NOW)
    assert _everything(again) == _everything(copy)
    again.close()
    copy.close()


def test_a_torn_last_line_is_cut_off(tmp_path: Path) -> None:
    """Whatever part of the last line a crash left: the world before that line, and appending goes on."""
    world = _lived_world(tmp_path / "whole")
    world.act("move", "r-000004", Options())
    after = _everything(world)
    world.close()
    journal = (tmp_path / "whole" / "journal.jsonl").read_bytes()
    last = journal.splitlines(keepends=True)[-1]
    for kept in (1, 9, len(last) - 1):
        folder = tmp_path / f"torn{kept}"
        shutil.copytree(tmp_path / "whole", folder)
        (folder / "journal.jsonl").write_bytes(journal[: len(journal) - len(last) + kept])
        torn = open_world(folder)
        assert len(life_of(torn)) == len(after["life"]) - 1
        torn.act("move", "r-000004", Options())
        assert _everything(torn) == after
        torn.close()
        assert (folder / "journal.jsonl").read_bytes() == journal


def test_a_damaged_line_before_the_last_is_refused(tmp_path: Path) -> None:
    """A flipped bit in the middle is no crash: nothing is guessed and the journal stays as it is."""
    _lived_world(tmp_path).close()
    path = tmp_path / "journal.jsonl"
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 0x01
    path.write_bytes(whole)
    with pytest.raises(FolderDamaged, match="damaged and not the last"):
        open_world(tmp_path)
    assert path.read_bytes() == bytes(whole)


def test_lists_lost_in_a_crash_are_written_again_with_the_same_octets(tmp_path: Path) -> None:
    """A publication that is missing after a crash is signed again: same number, same octets."""
    world = _lived_world(tmp_path)
    before = _everything(world)
    world.close()
    for file in (tmp_path / "publications").iterdir():
        file.unlink()
    again = open_world(tmp_path)
    assert _everything(again) == before
    assert len(list((tmp_path / "publications").iterdir())) == 5
    again.close()


def test_a_crl_number_is_never_signed_with_other_octets(tmp_path: Path) -> None:
    """Lists that would differ from those signed under the number are refused, stored or not."""
    world = _lived_world(tmp_path)
    world.close()
    stored = tmp_path / "publications" / f"{number_of_day(2):08d}.lists"
    whole = stored.read_bytes()
    stored.write_bytes(whole[:-1] + bytes((whole[-1] ^ 1,)))
    with pytest.raises(FolderDamaged, match="not those that were signed"):
        open_world(tmp_path)
    # Another version of this program might encode otherwise: the journal remembers what was signed.
    stored.unlink()
    journal = tmp_path / "journal.jsonl"
    lines = []
    for line in journal.read_bytes().splitlines():
        record = json.loads(line[9:])
        if record.get("number") == number_of_day(2):
            record["sha256"] = "00" * 32
        text = json.dumps(record, separators=(",", ":")).encode()
        lines.append(b"%08x %s\n" % (zlib.crc32(text), text))
    journal.write_bytes(b"".join(lines))
    with pytest.raises(FolderDamaged, match="signed a second time with other octets"):
        open_world(tmp_path)
    assert not stored.exists()


def test_other_keys_are_refused(tmp_path: Path) -> None:
    """A key file that is not the one of the founding would forge another world: refused."""
    open_world(tmp_path).close()
    pem = (tmp_path / "keys.pem").read_bytes().split(b"-----END PRIVATE KEY-----\n")
    pem[0], pem[2] = pem[2], pem[0]
    (tmp_path / "keys.pem").write_bytes(b"-----END PRIVATE KEY-----\n".join(pem))
    with pytest.raises(FolderDamaged, match="founded with"):
        open_world(tmp_path)


def test_another_seed_on_an_old_folder_is_refused(tmp_path: Path) -> None:
    """Seed and residents belong to the folder; another value is one sentence with the remedy."""
    open_world(tmp_path, seed=3).close()
    with pytest.raises(StartRefused, match="leave the option out"):
        open_world(tmp_path, seed=4)
    with pytest.raises(StartRefused, match="residents 120, got residents 50"):
        open_world(tmp_path, residents=50)
    open_world(tmp_path, seed=3, residents=120).close()


def test_days_are_played_in_order_and_never_ahead_of_the_clock(tmp_path: Path) -> None:
    """The same day again is the same answer; an earlier one, a future one, one too far back are refused."""
    world = open_world(tmp_path)
    with pytest.raises(RequestRefused, match="NOT_BEGUN"):
        world.resident("r-000001")
    for this_update, code in (
        (NOW + timedelta(seconds=1), "THIS_UPDATE_IN_FUTURE"),
        (NOW - timedelta(days=366), "TOO_FAR_BACK"),
    ):
        with pytest.raises(RequestRefused, match=code):
            world.play(this_update)
    assert world.day is None
    first = world.play(LAST - DAY)
    assert first["day"] == 0
    answer = world.play(LAST)
    lists, version = all_lists(world), world.clock.version
    assert world.play(LAST + timedelta(microseconds=999)) == answer
    assert (all_lists(world), world.clock.version) == (lists, version)
    with pytest.raises(RequestRefused, match="NOT_LATER_THAN_LAST"):
        world.play(LAST - timedelta(seconds=1))
    world.close()


def test_the_clock_steps_to_the_played_day_and_never_back(tmp_path: Path) -> None:
    """After a step the sandbox's now is thisUpdate and runs on; a list that is late does not turn it back."""
    base = FixedClock(NOW)
    world = open_world(tmp_path, clock=base)
    assert (world.clock.version, world.clock.offset_us) == (0, 0)
    world.play(LAST - 2 * DAY)
    assert world.clock.now() == LAST - 2 * DAY
    base.advance(timedelta(minutes=1))
    assert world.clock.now() == LAST - 2 * DAY + timedelta(minutes=1)
    # Thirty seconds after the last list, though a minute has passed.
    world.play(LAST - 2 * DAY + timedelta(seconds=30))
    assert world.clock.now() == LAST - 2 * DAY + timedelta(minutes=1)
    world.play(LAST)
    assert world.clock.now() == LAST
    assert world.clock.version == 3
    assert world.clock.offset_us == -(5 * 60 + 60) * 1_000_000
    world.close()
    again = open_world(tmp_path, clock=base)
    assert again.clock.now() == LAST
    again.close()


def test_an_unfinished_change_blocks_until_the_restart(tmp_path: Path) -> None:
    """When lists cannot be stored, nothing half-made is served; after a restart the day is there, once."""
    world = open_world(tmp_path)
    world.play(LAST - DAY)
    before = all_lists(world)
    (tmp_path / "publications").rename(tmp_path / "away")
    with pytest.raises(OSError, match="No such file"):
        world.play(LAST)
    assert (all_lists(world), world.day) == (before, 0)
    with pytest.raises(FolderDamaged, match="restart"):
        world.play(LAST)
    world.close()
    (tmp_path / "away").rename(tmp_path / "publications")
    again = open_world(tmp_path)
    assert again.day == 1
    assert again.play(LAST)["day"] == 1
    again.close()
