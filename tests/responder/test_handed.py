"""A world on its way to the workers: whole, theirs together from one request to the next, and tidied up."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from platform_api.logs import make_log
from platform_api.responder.handed import handed, opened
from platform_api.responder.live import living
from platform_api.responder.room import own_room
from platform_api.responder.world import World, load
from platform_api.workers.layout import Slot
from platform_api.workers.place import Place
from platform_api.workers.shared import Shared
from revocation.clock import FixedClock
from revocation.errors import OutsideFailed, OwnFault
from tests import pki
from tests.checker.material import USER, full, named
from tests.pki import entry, seq
from tests.responder.running import GOOD, HELD, NOW, REVOKED, THIS_UPDATE, crl, key_pem, pem
from tests.responder.worlds import given, status
from tests.revocation.ocsp_world import responder_certificate

CLOCK = FixedClock(NOW)


@pytest.fixture(scope="module")
def ca() -> pki.CA:
    return pki.make_ca(generations=2, kind="p256", first_key=460)


def over_the_channel(news: dict[str, object]) -> dict[str, object]:
    found: dict[str, object] = orjson.loads(orjson.dumps(news))
    return found


LISTS = {
    "complete": lambda ca: {"ca.crl": crl(ca)},
    "base and delta": lambda ca: {
        "ca.crl": crl(ca),
        "delta.crl": crl(ca, [entry(7, THIS_UPDATE)], number=4, delta_base=3),
    },
    "of a point": lambda ca: {"ca.crl": crl(ca, idp=seq(full(named("one"))))},
    "of users": lambda ca: {"ca.crl": crl(ca, idp=seq(USER))},
    "of both keys": lambda ca: {
        "ca.crl": crl(ca),
        "old.crl": crl(ca, [entry(8, THIS_UPDATE)], generation=0),
    },
}


@pytest.mark.parametrize("case", LISTS)
@pytest.mark.parametrize("all_lists", [False, True])
def test_what_arrives_is_what_was_sent(tmp_path: Path, ca: pki.CA, case: str, all_lists: bool) -> None:
    """Authorities, set, signers: a worker says of every serial what the one who read the files would say."""
    with own_room() as room:
        wanted = given(tmp_path, [ca], LISTS[case](ca), all_lists=all_lists)
        wanted = replace(wanted, serial_ceiling=8)
        world = load(wanted, CLOCK, room=room)
        theirs = opened(over_the_channel(handed(world, room)))
    assert list(theirs.authorities) == list(world.authorities)
    assert theirs.snapshot.seq == world.snapshot.seq
    assert theirs.signers.same_as(world.signers)
    for number in (REVOKED, HELD, GOOD, 7, 8):
        for generation in (0, 1):
            assert status(theirs, ca, number, generation=generation) == status(
                world, ca, number, generation=generation
            )


def test_keys_arrive_and_show_nowhere(tmp_path: Path, ca: pki.CA) -> None:
    """The key that signs there is the file's; no repr of what carries it has it."""
    with own_room() as room:
        world = load(given(tmp_path, [ca], {"ca.crl": crl(ca)}), CLOCK, room=room)
        news = handed(world, room)
        theirs = opened(over_the_channel(news))
    (sent,), (found,) = world.signers.identities, theirs.signers.identities
    assert sent.key.public_key() == found.key.public_key()
    for carrier in (theirs, found, found.key, room):
        assert news["signers"][0][1]["pkcs8"] not in repr(carrier)
        assert "PrivateKey" not in repr(carrier)


def test_only_the_sets_of_its_own_supervisor(tmp_path: Path, ca: pki.CA) -> None:
    """A set that another key has signed, or that is not the one of this number, is not opened."""
    with own_room() as room, own_room() as other:
        wanted = given(tmp_path, [ca], {"ca.crl": crl(ca)})
        world = load(wanted, CLOCK, room=room)
        news = handed(world, room)
        load(wanted, CLOCK, room=other)
        with pytest.raises(OwnFault):
            opened(news | {"set": str(other.of(1))})
        with pytest.raises(OwnFault, match="MANIFEST_MISSING"):
            opened(news | {"number": 2})


def test_numbers_rise_and_old_sets_go(tmp_path: Path, ca: pki.CA) -> None:
    """The last two are kept; one that is mapped goes on; what a failed attempt left is in nobody's way."""
    with own_room() as room:
        wanted = given(tmp_path, [ca], {"ca.crl": crl(ca)})
        first = load(wanted, CLOCK, room=room)
        room.of(2).mkdir()
        (room.of(2) / "CURRENT").write_text("half of it")
        second = load(wanted, CLOCK, first, room)
        third = load(wanted, CLOCK, second, room)
        assert [world.snapshot.seq for world in (first, second, third)] == [1, 2, 3]
        room.tidy(3)
        assert sorted(each.name for each in room.folder.iterdir()) == ["2", "3"]
        assert status(first, ca, REVOKED).status == status(third, ca, REVOKED).status


def test_rooms_of_the_dead_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a lock that somebody holds; not those of the living, and not what a link leads to."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    dead, elsewhere = tmp_path / "jpki-responders-dead", tmp_path / "elsewhere"
    for folder in (dead, elsewhere):
        (folder / "1").mkdir(parents=True)
    (tmp_path / "jpki-responders-link").symlink_to(elsewhere)
    with own_room() as living_one, own_room() as other:
        assert not dead.exists()
        assert (elsewhere / "1").exists()
        assert living_one.folder.stat().st_mode & 0o777 == 0o700
        # As systemd-tmpfiles asks whether it may clean up below.
        descriptor = os.open(living_one.folder, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(descriptor)
    assert not living_one.folder.exists()
    assert not other.folder.exists()


def test_a_room_that_was_taken_for_a_dead_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one starts between the making of our folder and its lock, and removes it: we make another."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    make, made = tempfile.mkdtemp, []

    def made_and_removed(**words: str) -> str:
        made.append(make(**words))
        if len(made) == 1:
            shutil.rmtree(made[0])
        return made[-1]

    monkeypatch.setattr("tempfile.mkdtemp", made_and_removed)
    with own_room() as room:
        assert str(room.folder) == made[1]
        assert room.folder.is_dir()


@pytest.fixture
def two_worlds(tmp_path: Path, ca: pki.CA) -> tuple[World, World]:
    """The second one has another list and another signer."""
    wanted = given(tmp_path, [ca], {"ca.crl": crl(ca)})
    with own_room() as room:
        first = load(wanted, CLOCK, room=room)
        fresh = pki.key("p256", 398)
        (tmp_path / "ocsp.key").write_bytes(key_pem(fresh))
        (tmp_path / "ocsp.pem").write_bytes(pem(responder_certificate(fresh, ca.generations[-1])))
        newer = crl(ca, [entry(GOOD, NOW)], number=4, this_update=THIS_UPDATE + timedelta(minutes=1))
        (tmp_path / "ca.crl").write_bytes(newer)
        return first, load(wanted, CLOCK, first, room)


async def test_set_and_signers_change_together(two_worlds: tuple[World, World]) -> None:
    """One of two workers has prepared a new world: until the word rises it answers from the old set by the
    old signer; then from the new one by the new."""
    first, second = two_worlds
    shared = Shared.make(2)
    shared.close_descriptor()
    told: list[int] = []
    place = Place.worker(shared, 0, lambda: told.append(shared.slot(0)[Slot.PREPARED_SEQ]))
    async with living(first, CLOCK, make_log(), anonymous=True, place=place) as live:
        assert live.snapshots.current() is None  # nobody has raised the word yet
        shared.advance(1)
        assert live.snapshots.current() is first.snapshot
        await live.adopt(second)
        assert told == [1, 2]
        assert live.snapshots.current() is first.snapshot
        assert live.signers.held is first.signers
        shared.advance(2)
        assert live.snapshots.current() is second.snapshot
        assert live.signers.held is second.signers


def test_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder for temporary files that is not there is outside of us."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(gone))
    shutil.rmtree(gone)
    with pytest.raises(OutsideFailed, match="ROOM_MISSING"), own_room():
        raise AssertionError("expected no room")


def test_what_could_not_be_removed_is_removed_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A set that is still written while its process ends: the next one sees that nobody holds it."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with monkeypatch.context() as failing:
        failing.setattr("shutil.rmtree", lambda *_, **__: None)
        with own_room() as room:
            room.of(1).mkdir()
        assert room.of(1).exists()
    with own_room():
        assert not room.folder.exists()
