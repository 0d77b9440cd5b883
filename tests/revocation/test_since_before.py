"""Nights whose lists are told by what changed since the set before, and those that must read them whole."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from revocation.authorities import Authorities, ListScope, Tolerance
from revocation.crl.entry_region import EntryRules
from revocation.crl.familiar import FamiliarList, FamiliarLists, FileFacts
from revocation.crl.fetch import FolderSource
from revocation.errors import OutsideFailed
from revocation.index.list_changes import ListChanges
from revocation.ingest import Outcome
from revocation.since_before import SinceBefore
from revocation.snapshot.current import Snapshot
from revocation.snapshot.store import SnapshotStore
from revocation.snapshot.vouched import sign_line, signed_line
from tests import pki
from tests.pki import entry
from tests.revocation.nights import KEY, Night, thread


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of each list that was asked about: was it told by its changes?"""
    answers: list[bool] = []
    entries = SinceBefore.entries

    def noting(self: SinceBefore, *arguments: Any) -> ListChanges | None:
        found = entries(self, *arguments)
        answers.append(found is not None)
        return found

    monkeypatch.setattr(SinceBefore, "entries", noting)
    return answers


def listed(*serials: int, reason: int = 3) -> list[bytes]:
    return [entry(serial, reason=reason) for serial in serials]


def a_night(folder: Path, ca: pki.CA) -> Night:
    """The same lists give the same octets in every folder."""
    folder.mkdir()
    night = Night(folder, ca)
    night.store = SnapshotStore(
        folder / "snapshots", publisher_key=KEY, new_mixing_key=lambda: bytes(range(40))
    )
    return night


async def two_nights(night: Night, between: Callable[[], Any] = lambda: None) -> None:
    first, second = night.scopes[:2]
    before = {first: listed(*range(100, 160), 1 << 90), second: listed(7, 8)}
    await thread(night.serve, 0, before)
    assert (await night.run()).outcome is Outcome.PUBLISHED
    await thread(between)
    after = {
        first: listed(*range(101, 130)) + listed(130, reason=1) + listed(*range(131, 162), 1 << 90, 1 << 91),
        second: listed(7, 8),
    }
    await thread(night.serve, 1, after)
    report = await night.run()
    assert (report.outcome, report.entries) == (Outcome.PUBLISHED, 65)


def files(night: Night) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(night.store.folder.glob("*.index"))}


async def test_the_second_night_is_told_by_changes(tmp_path: Path, ca: pki.CA, told: list[bool]) -> None:
    """Every list of it, in this process and in a new one; the files are, octet for octet, those of a
    publisher who reads everything whole."""
    knowing, forgetful = a_night(tmp_path / "a", ca), a_night(tmp_path / "b", ca)
    await two_nights(knowing)
    assert told == [False] * 4 + [True] * 4
    told.clear()
    await two_nights(forgetful, between=(forgetful.archive.folder / "familiar.json").unlink)
    assert told == [False] * 8
    assert await thread(files, knowing) == await thread(files, forgetful)
    told.clear()
    again = Night(tmp_path / "a", ca)
    await thread(again.serve, 2, {again.scopes[0]: listed(101)})
    assert (await again.run()).entries == 1
    assert told == [True] * 4
    current = await thread(SnapshotStore(again.store.folder, trusted_publishers=(KEY.public_key(),)).current)
    assert current.lookup(again.scopes[0].lineage, b"\x64").gone


def familiar(night: Night) -> Path:
    return night.archive.folder / "familiar.json"


def archived(night: Night) -> list[Path]:
    return sorted(night.archive.folder.glob("2*/*/*.crl"))


def written_into(night: Night) -> None:
    """Another list of the same size under the old times."""
    for path in archived(night):
        times, octets = path.stat(), path.read_bytes()
        path.chmod(0o644)
        path.write_bytes(octets.replace(b"\x02\x01\x07", b"\x02\x01\x09"))
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def put_back(night: Night) -> None:
    """The same octets, times and all, in a new file, as a backup has it."""
    for path in archived(night):
        times, octets = path.stat(), path.read_bytes()
        path.unlink()
        path.write_bytes(octets)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def opened_to_others(night: Night) -> None:
    for path in archived(night):
        path.chmod(0o666)


def of_somebody_else(night: Night) -> None:
    line = familiar(night).read_bytes().rpartition(b"\ned25519 ")[0]
    familiar(night).write_bytes(sign_line(line, Ed25519PrivateKey.generate()))


def of_another_walk(night: Night) -> None:
    line = familiar(night).read_bytes().rpartition(b"\ned25519 ")[0]
    familiar(night).write_bytes(sign_line(orjson.dumps(orjson.loads(line) | {"rules": 0}), KEY))


def not_signed(night: Night) -> None:
    familiar(night).write_bytes(familiar(night).read_bytes().rpartition(b"\n")[0].rpartition(b"\n")[0])


def garbled(night: Night) -> None:
    familiar(night).write_bytes(familiar(night).read_bytes().replace(b'"start"', b'"sturt"'))


def removed(night: Night) -> None:
    for path in archived(night):
        path.unlink()


def emptied(night: Night) -> None:
    familiar(night).write_bytes(sign_line(b"[]", KEY))


@pytest.mark.parametrize(
    "spoil",
    [
        written_into,
        put_back,
        opened_to_others,
        of_somebody_else,
        of_another_walk,
        not_signed,
        garbled,
        removed,
        emptied,
    ],
)
async def test_what_is_not_the_file_that_was_read_is_no_help(
    spoil: Callable[[Night], None], tmp_path: Path, ca: pki.CA, told: list[bool]
) -> None:
    """Files that somebody wrote to or put back, notes that the publisher did not sign: all lists are read
    whole, the set is the same, and the night after is told by changes again."""
    night, other = a_night(tmp_path / "a", ca), a_night(tmp_path / "b", ca)
    await two_nights(night, between=lambda: spoil(night))
    assert told == [False] * 8
    await two_nights(other)
    assert await thread(files, night) == await thread(files, other)
    told.clear()
    await thread(night.serve, 2)
    await night.run()
    assert told == [True] * 4


async def test_other_rules_for_entries(night: Night, told: list[bool]) -> None:
    """A tolerance of encoding switched on or off since: the same octets are read again."""
    await thread(night.serve, 0, {night.scopes[0]: listed(7)})
    await night.run()
    night.authorities = Authorities(
        [replace(night.authority, tolerances=frozenset({Tolerance.EXPLICIT_DEFAULT}))]
    )
    await thread(night.serve, 1, {night.scopes[0]: listed(7, 8)})
    assert (await night.run()).entries == 2
    assert told == [False] * 8


async def test_the_very_file_of_yesterday(night: Night, told: list[bool]) -> None:
    """A list that was linked and then got other octets from its owner: no file is compared with itself."""

    def linked() -> None:
        for scope in night.scopes:
            night.file(scope).chmod(0o444)

    await thread(night.serve, 0, {night.scopes[0]: listed(7, 8)})
    await thread(linked)
    await night.run()
    assert {path.stat().st_nlink for path in await thread(archived, night)} == {2}
    await thread(lambda: [night.file(scope).chmod(0o644) for scope in night.scopes])
    await thread(night.serve, 1, {night.scopes[0]: listed(8)})
    await thread(linked)
    assert (await night.run()).entries == 1
    assert told == [False] * 8


async def test_an_operator_who_tidies_up(night: Night, told: list[bool]) -> None:
    """Removing the names that lists were linked from moves their change times, and harms nothing."""

    def linked() -> None:
        for scope in night.scopes:
            night.file(scope).chmod(0o444)

    def replaced(day: int, entries: dict[ListScope, list[bytes]]) -> None:
        for scope in night.scopes:
            night.file(scope).unlink(missing_ok=True)
        night.serve(day, entries)
        linked()

    await thread(replaced, 0, {night.scopes[0]: listed(7, 8)})
    await night.run()
    await thread(replaced, 1, {night.scopes[0]: listed(8)})
    assert (await night.run()).entries == 1
    assert told == [False] * 4 + [True] * 4


async def test_a_malformed_entry_among_the_new_ones(night: Night, told: list[bool]) -> None:
    """It is refused as ever, by its offset in the list; the others publish."""
    first = night.scopes[0]
    await thread(night.serve, 0, {first: listed(*range(100, 140))})
    await night.run()
    bad = entry(7)[:-1] + b"X"
    await thread(night.serve, 1, {first: [*listed(*range(100, 120)), bad, *listed(*range(120, 140))]})
    report = await night.run()
    assert (report.outcome, report.entries, report.lists_carried) == (Outcome.PARTIAL, 40, 1)
    [refusal] = report.refused
    at = (await thread(night.file(first).read_bytes)).index(bad)
    assert refusal.error.code == "DER_TIME"
    [offset] = re.findall(r"offset (\d+)", str(refusal.error))
    assert at < int(offset) < at + len(bad)
    assert sorted(told[4:]) == [False, True, True, True]


async def two_days(night: Night) -> None:
    """The same forty entries of the first list on both."""
    for day in range(2):
        await thread(night.serve, day, {night.scopes[0]: listed(*range(100, 140))})
        await night.run()


def before_publish(night: Night, act: Callable[[], None]) -> None:
    """Between taking the lists and publishing them."""
    publish = night.store.publish

    def acted(*arguments: Any, **settings: Any) -> Snapshot:
        act()
        return publish(*arguments, **settings)

    night.store.publish = acted  # type: ignore[method-assign]


async def test_the_set_before_is_lost_after_the_lists_were_told(night: Night, told: list[bool]) -> None:
    """Between taking the lists and publishing them the set that they were compared for rots: they are read
    whole, upon an older set, and nobody is lost."""
    first = night.scopes[0]
    await two_days(night)

    def rot() -> None:
        key = first.lineage.key_id[:16]
        [path] = [one for one in night.store.folder.glob("*.00000002.index") if key in one.name]
        path.chmod(0o644)
        octets = bytearray(path.read_bytes())
        octets[70] ^= 1
        path.write_bytes(octets)

    before_publish(night, rot)
    told.clear()
    await thread(night.serve, 2, {first: listed(*range(101, 141))})
    report = await night.run()
    assert told == [True] * 4
    assert (report.set_seq, report.entries) == (3, 40)
    current = await thread(SnapshotStore(night.store.folder, trusted_publishers=(KEY.public_key(),)).current)
    assert current.seq == 3
    for serial in range(101, 128):
        assert not current.lookup(first.lineage, bytes([serial])).gone


async def test_the_list_itself_is_another_when_it_must_be_read_whole(night: Night, told: list[bool]) -> None:
    """The set before rots, and somebody replaced the fetched list: nothing is published of either."""
    first = night.scopes[0]
    await two_days(night)

    def replaced() -> None:
        for path in night.store.folder.glob("*.00000002.index"):
            path.unlink()
        for path in night.archive.incoming.glob("*"):
            path.unlink()
            path.write_bytes(night.der(first, 1, listed(7)))

    before_publish(night, replaced)
    told.clear()
    await thread(night.serve, 2, {first: listed(*range(101, 141))})
    with pytest.raises(OutsideFailed, match="ARCHIVE_UNREADABLE"):
        await night.run()
    assert told == [True] * 4
    assert await thread(lambda: sorted(path.name for path in night.store.folder.glob("*3.manifest"))) == []


async def test_a_list_that_was_not_published_is_not_familiar(night: Night, told: list[bool]) -> None:
    """A night that refuses its only list publishes nothing, and what was noted stays."""
    await thread(night.serve, 0, {night.scopes[0]: listed(7)})
    await night.run()
    await thread(night.serve, 1, {night.scopes[0]: listed(7, 8)})

    before = await thread(familiar(night).read_bytes)
    source = FolderSource({night.scopes[0]: night.file(night.scopes[1])})
    assert (await night.run(source=source)).outcome is not Outcome.PUBLISHED
    assert orjson.loads(before.rpartition(b"\ned25519 ")[0])["lists"].keys() == {str(s) for s in night.scopes}
    assert await thread(familiar(night).read_bytes) == before


def test_facts_of_a_file(tmp_path: Path) -> None:
    """Each fact alone makes it another file, but for a name that went."""
    path = tmp_path / "list.crl"
    path.write_bytes(b"x")
    facts = FileFacts.of(path)
    assert facts.is_untouched_since(facts)
    for name in ("device", "inode", "octets", "modified_ns"):
        other = facts._replace(**{name: getattr(facts, name) + 1})
        assert not other.is_as_before(facts)
        assert not other.is_untouched_since(facts)
    assert not facts._replace(is_ours=False).is_untouched_since(facts)
    assert not facts.is_untouched_since(facts._replace(is_ours=False))
    touched = facts._replace(changed_ns=facts.changed_ns + 1)
    assert touched.is_as_before(facts)
    assert not touched.is_untouched_since(facts)
    assert not touched._replace(links=facts.links + 1).is_untouched_since(facts)
    assert touched.is_untouched_since(facts._replace(links=facts.links + 1))


def test_a_note_that_cannot_be_written(tmp_path: Path) -> None:
    """Costs a night in which everything is read whole, and no more."""
    folder = tmp_path / "archive"
    facts = FileFacts(1, 2, 3, 4, 5, 1, is_ours=True)
    one = FamiliarList("day/1.crl", "ab" * 32, facts, 10, 20, EntryRules(True, False, False))
    lists = FamiliarLists(folder, sign=lambda line: sign_line(line, KEY), signed=_signed)
    lists.keep({"scope": one, "other": one}, known={"scope"})
    assert lists.get("scope") == one
    assert lists.get("other") is None
    assert FamiliarLists(folder, sign=bytes, signed=_signed).get("scope") is None
    folder.mkdir()
    lists.keep({}, known={"scope"})
    assert FamiliarLists(folder, sign=bytes, signed=_signed).get("scope") == one


def _signed(data: bytes) -> bytes | None:
    return signed_line(data, [Ed25519PrivateKey.generate().public_key(), KEY.public_key()])


def test_a_reader_vouches_for_nothing(tmp_path: Path) -> None:
    """Without the private key nothing is noted, and what the publisher noted is read all the same."""
    reader = SnapshotStore(tmp_path, trusted_publishers=(KEY.public_key(),))
    assert reader.vouch(b"{}") == b""
    assert reader.vouched(sign_line(b"{}", KEY)) == b"{}"


def test_a_signed_line() -> None:
    """Comes back as it was; with anything else in it, or by another key, there is none."""
    data = sign_line(b'{"a": 1}', KEY)
    assert _signed(data) == b'{"a": 1}'
    for at in range(len(data) - 1):
        assert _signed(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]) is None
    for other in (b"", b"\n", data[:-20], b'{"a": 1}\ned25519 \n', data.replace(b" 1", b" 2")):
        assert _signed(other) is None
    assert signed_line(data, []) is None
