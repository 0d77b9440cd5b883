"""Sets: what a publish declares, carries and keeps; what readers see; what is refused."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from revocation.authorities import Authorities, CrlSigning, Partition
from revocation.errors import InputRefused, OutsideFailed, OwnFault
from revocation.index.layout import ListPresence
from revocation.snapshot.durable import folder_lock
from revocation.snapshot.manifest import (
    Manifest,
    embedded_publisher,
    public_hex,
    read_manifest,
    sign_manifest,
)
from revocation.snapshot.names import LOCK, manifest_path
from revocation.snapshot.store import SnapshotStore
from tests import pki
from tests.revocation.sets import (
    DAY,
    PUBLISHER,
    T0,
    accepted,
    check_folder,
    every_list,
    reader,
    record,
    scope,
    store,
    world,
)


def serial(value: int) -> bytes:
    return bytes([value])


def test_a_first_set_declares_every_expected_list(tmp_path: Path) -> None:
    """Given one list of four, the other three are absent and the set is partial."""
    authorities, authority = world()
    given = scope(authority, 1)
    snapshot = store(tmp_path).publish({given: accepted({5: 3})}, authorities, now=T0)
    assert (snapshot.seq, snapshot.partial, snapshot.entries) == (1, True, 1)
    assert set(snapshot.lists) == set(authority.expected_lists())
    assert {key for key, state in snapshot.lists.items() if state.state is ListPresence.ACCEPTED} == {given}
    assert (snapshot.manifest.accepted, snapshot.manifest.carried, snapshot.manifest.absent) == (1, 0, 3)
    check_folder(tmp_path, [1])


def test_a_complete_set_is_not_partial_and_has_the_earliest_business_date(tmp_path: Path) -> None:
    """business_date is the JST date of the earliest thisUpdate: 23:30 UTC is already tomorrow in Japan."""
    authorities, authority = world()
    lists = every_list(authority, this_update=T0 + timedelta(hours=23, minutes=30))
    snapshot = store(tmp_path).publish(lists, authorities, now=T0 + DAY)
    assert not snapshot.partial
    assert snapshot.business_date == date(2026, 11, 21)


def test_a_list_not_given_is_carried_over_with_its_own_times(tmp_path: Path) -> None:
    """Its entries, number and nextUpdate stay; it says from which set."""
    authorities, authority = world()
    stale = scope(authority, 2)
    writer = store(tmp_path)
    first = every_list(authority) | {stale: accepted({9: 4}, number=77)}
    writer.publish(first, authorities, now=T0)
    second = {key: value for key, value in every_list(authority, 1).items() if key != stale}
    snapshot = writer.publish(second, authorities, now=T0 + DAY)
    state = snapshot.lists[stale]
    assert (state.state, state.carried_from_seq, state.crl_number) == (ListPresence.CARRIED, 1, 77)
    assert (state.this_update, state.next_update) == (T0, T0 + 2 * DAY)
    assert snapshot.partial
    assert snapshot.business_date == date(2026, 11, 20)
    assert snapshot.lookup(stale.lineage, serial(9)) is not None
    third = writer.publish(
        {k: v for k, v in every_list(authority, 2).items() if k != stale}, authorities, now=T0 + 2 * DAY
    )
    assert third.lists[stale].carried_from_seq == 1
    check_folder(tmp_path, [1, 2, 3])


def test_a_late_list_completes_the_set_of_its_day(tmp_path: Path) -> None:
    """Published again with the late one alone: the others are carried within their day, so it is whole."""
    authorities, authority = world()
    late = scope(authority, 1, 1)
    writer = store(tmp_path)
    lists = every_list(authority)
    first = writer.publish({k: v for k, v in lists.items() if k != late}, authorities, now=T0)
    second = writer.publish({late: lists[late]}, authorities, now=T0 + timedelta(hours=2))
    assert (first.partial, second.partial) == (True, False)
    assert (second.manifest.accepted, second.manifest.carried) == (1, 3)


def test_a_list_confirmed_as_the_newest_does_not_make_the_set_partial(tmp_path: Path) -> None:
    """The CA answered 304 for it: it is carried, yet nothing is missing."""
    authorities, authority = world()
    same = scope(authority, 1)
    writer = store(tmp_path)
    writer.publish(every_list(authority), authorities, now=T0)
    second = {k: v for k, v in every_list(authority, 1).items() if k != same}
    snapshot = writer.publish(second, authorities, now=T0 + DAY, confirmed=[same])
    assert not snapshot.partial
    assert snapshot.lists[same].state is ListPresence.CARRIED


def test_entries_that_leave_stay_and_say_so(tmp_path: Path) -> None:
    """Revoked yesterday, not listed today: gone, still there; the count of listed entries falls."""
    authorities, authority = world()
    one = scope(authority, 1)
    writer = store(tmp_path)
    writer.publish(every_list(authority) | {one: accepted({5: 3, 6: 4})}, authorities, now=T0)
    snapshot = writer.publish(
        every_list(authority, 1) | {one: accepted({6: 4}, number=2, this_update=T0 + DAY)},
        authorities,
        now=T0 + DAY,
    )
    entry = snapshot.lookup(one.lineage, serial(5))
    assert entry is not None
    assert (entry.gone, entry.reason, entry.last_listed_seq) == (True, 3, 1)
    assert (snapshot.entries, snapshot.gone) == (1, 1)
    assert entry.list.crl_number == 2


def test_a_closed_partition_keeps_what_it_listed(tmp_path: Path) -> None:
    """A merged municipality's list is expected no longer; its revoked stay revoked, nothing is partial."""
    authorities, authority = world()
    closing = scope(authority, 2)
    writer = store(tmp_path)
    writer.publish(every_list(authority) | {closing: accepted({9: 4})}, authorities, now=T0)
    merged = replace(
        authority,
        partitions=(
            authority.partitions[0],
            replace(authority.partitions[1], closed=date(2026, 11, 20), successor=1),
        ),
    )
    snapshot = writer.publish(every_list(merged, 1), Authorities([merged]), now=T0 + DAY)
    entry = snapshot.lookup(closing.lineage, serial(9))
    assert entry is not None
    assert not snapshot.partial
    assert snapshot.lists[closing].state is ListPresence.CARRIED


def test_a_retired_generation_keeps_its_file(tmp_path: Path) -> None:
    """A lineage that is configured no longer is carried whole, under the name that it had."""
    authorities, authority = world()
    old = scope(authority, 1, 0)
    writer = store(tmp_path)
    writer.publish(every_list(authority) | {old: accepted({9: 4})}, authorities, now=T0)
    newer = pki.CA(pki.SIGN_DN, (pki.make_ca(kind="p256").generations[1],)).authority()
    snapshot = writer.publish(every_list(newer, 1), Authorities([newer]), now=T0 + DAY)
    assert snapshot.lookup(old.lineage, serial(9)) is not None
    assert any(file.name.endswith("00000001.index") for file in snapshot.manifest.files)
    assert writer.retention(keep_from_seq=2) == (1,)
    check_folder(tmp_path, [2])


def test_one_lineage_for_all_generations(tmp_path: Path) -> None:
    """newest_for_all: one file, whose lists the newest key signs."""
    authorities, authority = world(crl_signing=CrlSigning.NEWEST_FOR_ALL)
    snapshot = store(tmp_path).publish(every_list(authority), authorities, now=T0)
    assert [lineage.key_id for lineage in snapshot.lineages()] == ["all"]
    assert len(snapshot.lists) == 2


def test_the_same_input_gives_the_same_index_files(tmp_path: Path) -> None:
    """Two folders, the same publishes: octet-identical files, also of the manifests."""
    contents = []
    for name in ("a", "b"):
        authorities, authority = world()
        writer = store(tmp_path / name)
        one = scope(authority, 1)
        writer.publish(every_list(authority) | {one: accepted({5: 3, 6: 6})}, authorities, now=T0)
        writer.publish(every_list(authority, 1), authorities, now=T0 + DAY)
        contents.append({p.name: p.read_bytes() for p in (tmp_path / name).iterdir() if p.name != LOCK})
    assert contents[0] == contents[1]


def test_marks_come_from_the_chain(tmp_path: Path) -> None:
    """The mark of a list is its newest accepted, also when it is carried; absent ones have none."""
    authorities, authority = world()
    writer = store(tmp_path)
    one, two = scope(authority, 1), scope(authority, 2)
    assert writer.mark(one) is None
    first = accepted({}, number=41)
    writer.publish({one: first}, authorities, now=T0)
    mark = reader(tmp_path).mark(one)
    assert mark is not None
    assert (mark.crl_number, mark.this_update, mark.sha256) == (41, T0, first.source_sha256)
    assert writer.mark(two) is None
    writer.publish({two: accepted({}, number=3)}, authorities, now=T0)
    assert writer.mark(one) == mark


@pytest.mark.parametrize(
    ("number", "day", "code"),
    [
        (6, 1, "CRL_NUMBER_ROLLBACK"),
        (7, 1, "CRL_NUMBER_REUSED"),
        (8, -1, "THIS_UPDATE_ROLLBACK"),
    ],
)
def test_an_older_list_is_refused_once_more_at_publication(
    tmp_path: Path, number: int, day: int, code: str
) -> None:
    """Whatever acceptance said: a lower number, the same number with other content, an earlier thisUpdate."""
    authorities, authority = world()
    one = scope(authority, 1)
    writer = store(tmp_path)
    writer.publish({one: accepted({}, number=7)}, authorities, now=T0)
    with pytest.raises(InputRefused, match=code):
        writer.publish(
            {one: accepted({5: 1}, number=number, this_update=T0 + day * DAY)}, authorities, now=T0
        )
    check_folder(tmp_path, [1])


def test_the_same_list_again_is_no_rollback(tmp_path: Path) -> None:
    """Equal number with equal bytes may be published again."""
    authorities, authority = world()
    one = scope(authority, 1)
    writer = store(tmp_path)
    for _ in range(2):
        writer.publish({one: accepted({5: 1}, number=7)}, authorities, now=T0)
    check_folder(tmp_path, [1, 2])


def test_nothing_and_foreign_lists_are_refused(tmp_path: Path) -> None:
    """No list at all, or a list nobody approved: no new set."""
    authorities, authority = world()
    foreign = replace(scope(authority, 1), partition_number=9)
    with pytest.raises(InputRefused, match="NOTHING_TO_PUBLISH"):
        store(tmp_path).publish({}, authorities, now=T0)
    with pytest.raises(InputRefused, match="SCOPE_NOT_EXPECTED"):
        store(tmp_path).publish({foreign: accepted({})}, authorities, now=T0)
    assert reader(tmp_path).current() is None


def test_a_reader_cannot_publish(tmp_path: Path) -> None:
    """Without the private key there is nothing to sign with."""
    authorities, authority = world()
    with pytest.raises(OwnFault, match="PUBLISHER_KEY_MISSING"):
        reader(tmp_path).publish(every_list(authority), authorities, now=T0)


def test_two_publishers_at_once(tmp_path: Path) -> None:
    """The second is told so, and the folder is as it was."""
    authorities, authority = world()
    writer = store(tmp_path)
    writer.publish(every_list(authority), authorities, now=T0)
    with folder_lock(tmp_path / LOCK), pytest.raises(OutsideFailed, match="PUBLISH_LOCKED"):
        writer.publish(every_list(authority, 1), authorities, now=T0)
    with folder_lock(tmp_path / LOCK), pytest.raises(OutsideFailed, match="PUBLISH_LOCKED"):
        writer.retention(keep_from_seq=1)
    check_folder(tmp_path, [1])


# --- readers ---


def test_a_reader_sees_a_publish_and_an_old_holder_goes_on(tmp_path: Path) -> None:
    """current() moves on; a snapshot in hand answers from its own set, even after retention."""
    authorities, authority = world()
    one = scope(authority, 1)
    writer, watcher = store(tmp_path), reader(tmp_path)
    assert watcher.current() is None
    writer.publish(every_list(authority), authorities, now=T0)
    old = watcher.current()
    assert old is not None
    assert watcher.current() is old
    writer.publish({one: accepted({5: 3}, number=9, this_update=T0 + DAY)}, authorities, now=T0)
    new = watcher.current()
    assert new is not None
    assert (old.seq, new.seq) == (1, 2)
    writer.retention(keep_from_seq=2)
    assert old.lookup(one.lineage, serial(5)) is None
    assert new.lookup(one.lineage, serial(5)) is not None
    assert writer.sequences() == [2]


def test_files_are_read_only(tmp_path: Path) -> None:
    """0444: published files are replaced by rename, never written to."""
    authorities, authority = world()
    store(tmp_path).publish(every_list(authority), authorities, now=T0)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir() if path.name != LOCK}
    assert set(modes.values()) == {0o444}


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


def test_the_sequence_never_goes_back_within_a_reader(tmp_path: Path) -> None:
    """An older CURRENT with everything in order, restored by somebody: refused, the newer set goes on."""
    authorities, authority = world()
    writer, running = store(tmp_path), reader(tmp_path)
    writer.publish(every_list(authority), authorities, now=T0)
    older = (tmp_path / "CURRENT").read_bytes()
    writer.publish(every_list(authority, 1), authorities, now=T0)
    held = running.current()
    (tmp_path / "CURRENT").unlink()
    (tmp_path / "CURRENT").write_bytes(older)
    assert running.current() is held
    assert running.refusal is not None
    assert running.refusal.code == "SEQUENCE_ROLLBACK"


def test_another_set_under_the_same_number_is_refused(tmp_path: Path) -> None:
    """A folder restored and published into again: the running reader notices."""
    authorities, authority = world()
    store(tmp_path / "a").publish(every_list(authority), authorities, now=T0)
    store(tmp_path / "b").publish(every_list(authority), authorities, now=T0 + DAY)
    running = reader(tmp_path / "a")
    held = running.current()
    for path in (tmp_path / "a").iterdir():
        path.unlink()
    for path in (tmp_path / "b").iterdir():
        path.rename(tmp_path / "a" / path.name)
    kept = running.current()
    assert held is not None
    assert kept is not None
    assert (kept.snapshot_id, kept.superseded) == (held.snapshot_id, True)
    assert running.refusal is not None
    assert running.refusal.code == "SEQUENCE_REUSED"


def test_an_uncommitted_set_cannot_be_opened(tmp_path: Path) -> None:
    """Only what CURRENT reached is published."""
    authorities, authority = world()
    store(tmp_path).publish(every_list(authority), authorities, now=T0)
    for seq in (2, 99):
        with pytest.raises(OwnFault, match="SET_NOT_PUBLISHED"):
            reader(tmp_path).open(seq)
    with pytest.raises(OwnFault, match="MANIFEST_MISSING"):
        reader(tmp_path).open(0)


def test_only_pinned_publishers_are_believed(tmp_path: Path) -> None:
    """A set signed by another key is refused; with both keys pinned (rotation) it is read."""
    authorities, authority = world()
    other = Ed25519PrivateKey.generate()
    SnapshotStore(tmp_path, publisher_key=other).publish(every_list(authority), authorities, now=T0)
    stranger = reader(tmp_path)
    assert stranger.current() is None
    assert stranger.refusal is not None
    assert stranger.refusal.code == "PUBLISHER_NOT_TRUSTED"
    both = SnapshotStore(tmp_path, trusted_publishers=(PUBLISHER.public_key(), other.public_key()))
    assert both.current() is not None


def test_a_reader_that_is_out_of_descriptors_keeps_its_set(tmp_path: Path) -> None:
    """A passing fault of the machine is no fault of the set: the next call tries again. Until then the set
    published above is not known, and the one held is superseded."""
    authorities, authority = world()
    writer, running = store(tmp_path), reader(tmp_path)
    writer.publish(every_list(authority), authorities, now=T0)
    held = running.current()
    writer.publish(every_list(authority, 1), authorities, now=T0)
    manifest = manifest_path(tmp_path, 2)
    aside = manifest.rename(tmp_path / "aside")
    manifest.mkdir()  # read_bytes raises IsADirectoryError, an OSError
    kept = running.current()
    assert held is not None
    assert kept is not None
    assert (kept.snapshot_id, kept.superseded) == (held.snapshot_id, True)
    assert isinstance(running.refusal, OutsideFailed)
    manifest.rmdir()
    aside.rename(manifest)
    moved = running.current()
    assert moved is not None
    assert moved.seq == 2
    refusal: object = running.refusal
    assert refusal is None


def test_readers_and_a_publisher_at_once(tmp_path: Path) -> None:
    """Twenty publishes beside four readers: numbers never go back, each set is whole, no error."""
    authorities, authority = world(partitions=1)
    one = scope(authority, 1)
    writer = store(tmp_path)
    writer.publish({one: accepted({1: 1}, number=1)}, authorities, now=T0)
    watcher = reader(tmp_path)
    faults: list[object] = []
    done = threading.Event()

    def watch() -> None:
        seen = 0
        while not done.is_set():
            snapshot = watcher.current()
            if snapshot is None or snapshot.seq < seen:
                faults.append(snapshot)
                return
            seen = snapshot.seq
            # Set n lists exactly the serials 1 to n.
            if snapshot.lookup(one.lineage, serial(seen)) is None or snapshot.entries != seen:
                faults.append(seen)

    threads = [threading.Thread(target=watch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for n in range(2, 22):
        listing = dict.fromkeys(range(1, n + 1), 1)
        writer.publish({one: accepted(listing, number=n)}, authorities, now=T0)
        writer.retention(keep_from_seq=n - 2)
    done.set()
    for thread in threads:
        thread.join(10)
    assert faults == []
    final = watcher.current()
    assert final is not None
    assert final.seq == 21


# --- retention ---


def test_retention_keeps_what_is_pinned_and_what_is_published(tmp_path: Path) -> None:
    """Sets below the pin go with their files; the current one never does."""
    authorities, authority = world()
    writer = store(tmp_path)
    for day in range(4):
        writer.publish(every_list(authority, day), authorities, now=T0)
    assert writer.retention(keep_from_seq=3) == (1, 2)
    assert writer.retention(keep_from_seq=3) == ()
    check_folder(tmp_path, [3, 4])
    assert not list(tmp_path.glob("*0000000[12].*"))
    assert writer.retention(keep_from_seq=99) == (3,)
    check_folder(tmp_path, [4])


def test_retention_of_an_empty_folder_does_nothing(tmp_path: Path) -> None:
    """No set, nothing to remove."""
    assert store(tmp_path).retention(keep_from_seq=1) == ()


def test_retention_removes_nothing_beside_a_manifest_that_it_cannot_read(tmp_path: Path) -> None:
    """A damaged manifest may name any file, so everything stays."""
    authorities, authority = world()
    writer = store(tmp_path)
    for day in range(3):
        writer.publish(every_list(authority, day), authorities, now=T0)
    corrupt(manifest_path(tmp_path, 2), "flip")
    assert writer.retention(keep_from_seq=2) == ()
    assert manifest_path(tmp_path, 1).exists()


# --- manifests ---


def manifest_of(tmp_path: Path) -> tuple[Manifest, bytes]:
    authorities, authority = world()
    store(tmp_path).publish(every_list(authority), authorities, now=T0)
    data = manifest_path(tmp_path, 1).read_bytes()
    return read_manifest(data, [PUBLISHER.public_key()]), data


def test_a_manifest_survives_writing_and_reading(tmp_path: Path) -> None:
    """Signing what was read gives the same octets: canonical, and Ed25519 has no randomness."""
    manifest, data = manifest_of(tmp_path)
    assert sign_manifest(manifest, PUBLISHER) == data
    assert public_hex(embedded_publisher(data)) == public_hex(PUBLISHER.public_key())
    assert manifest.snapshot_id == manifest.sha256[:32]
    assert manifest.previous is None


def test_every_flipped_bit_of_a_manifest_is_refused(tmp_path: Path) -> None:
    """Whichever octet: never read as another manifest."""
    _, data = manifest_of(tmp_path)
    for at in range(len(data)):
        broken = bytearray(data)
        broken[at] ^= 1 << (at % 8)
        with pytest.raises(OwnFault):
            read_manifest(bytes(broken), [PUBLISHER.public_key()])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"seq":1', b'"seq":-1'),
        (b'"seq":1', b'"seq":true'),
        (b'"seq":1', b'"seq": 1'),
        (b'"format":"revocation-set/1"', b'"format":"revocation-set/2"'),
        (b'"name":"card-sign', b'"name":"../card-sign'),
        (b'"partial":false', b'"partial":null'),
        (b'"created_at":"2026', b'"created_at":"xxxx'),
        (b'"lists":{', b'"list":{'),
        (b"{", b"["),
    ],
)
def test_a_well_signed_manifest_with_wrong_fields_is_refused(tmp_path: Path, old: bytes, new: bytes) -> None:
    """A signature does not make a path outside the folder, another format or odd JSON acceptable."""
    import base64

    _, data = manifest_of(tmp_path)
    body = data.split(b"\n")[0].replace(old, new, 1)
    signature = base64.b64encode(PUBLISHER.sign(b"revocation-set/1\n" + body))
    with pytest.raises(OwnFault, match="MANIFEST_CORRUPT"):
        read_manifest(body + b"\ned25519 " + signature + b"\n", [PUBLISHER.public_key()])


def test_the_chain_names_the_manifest_before(tmp_path: Path) -> None:
    """Each manifest holds the hash of the one it was built upon; a swapped one ends the chain."""
    authorities, authority = world()
    writer = store(tmp_path)
    for day in range(3):
        writer.publish(every_list(authority, day), authorities, now=T0)
    manifests = [
        read_manifest(manifest_path(tmp_path, seq).read_bytes(), [PUBLISHER.public_key()])
        for seq in (1, 2, 3)
    ]
    assert [m.previous for m in manifests] == [
        None,
        (1, manifests[0].sha256),
        (2, manifests[1].sha256),
    ]
    forged = replace(manifests[0], partial=not manifests[0].partial)
    os.unlink(manifest_path(tmp_path, 1))  # noqa: PTH108
    manifest_path(tmp_path, 1).write_bytes(sign_manifest(forged, PUBLISHER))
    assert reader(tmp_path).sequences() == [2, 3]


def test_a_new_partition_starts_absent(tmp_path: Path) -> None:
    """Opened in the configuration before its first list was accepted: absent, and the set is partial."""
    authorities, authority = world()
    writer = store(tmp_path)
    writer.publish(every_list(authority), authorities, now=T0)
    grown = replace(authority, partitions=(*authority.partitions, Partition(3, pki.point(3), "City-3")))
    lists = {k: v for k, v in every_list(grown, 1).items() if k.partition_number != 3}
    snapshot = writer.publish(lists, Authorities([grown]), now=T0)
    assert snapshot.partial
    assert snapshot.manifest.absent == 2
    assert snapshot.lists[scope(grown, 3)].state is ListPresence.ABSENT
    # Its first list makes it accepted like any other.
    third = writer.publish({scope(grown, 3): accepted(record(7, 1))}, Authorities([grown]), now=T0)
    assert third.lists[scope(grown, 3)].state is ListPresence.ACCEPTED
