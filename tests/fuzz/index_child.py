"""The index reader under the sanitizer: whole files, changed, opened, verified and asked in every way.

Three kinds of changes. ``raw``: octets only; every octet has a checksum, so each such file must be refused.
``sealed``: all checksums are right afterwards; the file is refused, or is sound, and then look-up, batch,
iteration and difference say the same. ``under``: the reader has opened and verified the sound file before.
"""

from __future__ import annotations

import contextlib
import struct
import time
import zlib
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

from revocation.errors import OwnFault

_TAIL = 456
_PIECE = 262_144
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


Listed = dict[bytes, tuple[int, int, int]]
Gone = dict[bytes, tuple[int, ...]]


class Untrue(Exception):
    """Something that must hold does not."""


def seal(data: bytearray) -> None:
    """Every checksum anew, as a publisher at fault would; where the tail says nonsense, what of it can be."""
    tail = len(data) - _TAIL
    if tail < 64:
        return
    start, length = struct.unpack_from("<QQ", data, tail + 12 * 24 + 8)
    if start + length <= tail:
        for number in range(min(length // 4, start // _PIECE + 1)):
            piece = data[number * _PIECE : min(start, (number + 1) * _PIECE)]
            struct.pack_into("<I", data, start + 4 * number, zlib.crc32(piece))
        struct.pack_into("<I", data, tail + 436, zlib.crc32(data[start : start + length]))
    struct.pack_into("<I", data, tail + 444, zlib.crc32(data[tail : tail + 444]))


def _spot(data: bytearray, random: Random) -> int:
    """An octet to change: in the tail, at a section's start, or anywhere."""
    kind = random.randrange(4)
    if kind == 0 and len(data) > _TAIL:
        return len(data) - 1 - random.randrange(_TAIL)
    if kind == 1 and len(data) > _TAIL:
        at = len(data) - _TAIL + 24 * random.randrange(13) + 8
        offset, length = struct.unpack_from("<QQ", data, at)
        if length and offset + length <= len(data):
            return int(offset) + random.randrange(min(length, 256))
    return random.randrange(len(data))


def change(data: bytearray, random: Random, *, same_size: bool) -> None:
    """One to three changes; ``same_size`` where the octets lie under a reader."""
    for _ in range(random.choice((1, 1, 2, 3))):
        at = _spot(data, random)
        kind = random.randrange(8 if same_size else 11)
        if kind < 2:
            data[at] ^= 1 << random.randrange(8)
        elif kind == 2:
            data[at] = random.randrange(256)
        elif kind == 3:
            data[at] = (data[at] + random.choice((-2, -1, 1, 2))) & 0xFF
        elif kind == 4:
            size = random.choice((2, 4, 8))
            data[at : at + size] = random.choice((b"\0", b"\xff")) * len(data[at : at + size])
        elif kind == 5:
            size = random.randrange(1, 1 + min(4096, len(data) - at))
            data[at : at + size] = bytes(size)
        elif kind == 6:
            data[at:] = bytes(len(data) - at)
        elif kind == 7:
            other, size = random.randrange(len(data)), random.choice((4, 8, 24, 28, 64))
            size = min(size, len(data) - at, len(data) - other)
            data[at : at + size], data[other : other + size] = (
                data[other : other + size],
                data[at : at + size],
            )
        elif kind == 8:
            del data[at : at + random.choice((1, 4, 64, 1 << 20))]
        elif kind == 9:
            data[at:at] = bytes(random.choice((1, 4, 64)))
        else:
            del data[at:]
        if not data:
            data += b"\0"


class Reader:
    """The product's reader out of the build for fuzzing."""

    def __init__(self, loop: ModuleType) -> None:
        from revocation.index import layout, search

        self.search = search
        self.layout = layout
        self.loop = loop

    def open(self, data: bytes) -> Any:
        """Opened and verified, in a malloc of exactly its size."""
        index = self.search.Index(memoryview(self.loop.Exact(data)), set_seq=1)
        index.verify()
        return index

    def content(self, index: Any) -> tuple[Listed, Gone]:
        """By serial (date, reason, partition) of the listed, and (… , last set, flags) of the gone."""
        listed: Listed = {}
        gone: Gone = {}
        for serial, entry in index.items():
            listed[serial] = (_seconds(entry), entry.reason, entry.partition_number)
        for serial, entry in index.gone_items():
            gone[serial] = (
                _seconds(entry),
                entry.reason,
                entry.partition_number,
                entry.last_listed_seq,
                entry.left_on_hold,
            )
        return listed, gone


def _seconds(entry: Any) -> int:
    return (entry.revocation_date - _EPOCH) // timedelta(seconds=1)


def _absent(random: Random) -> list[bytes]:
    found = []
    for _ in range(8):
        value = random.getrandbits(random.choice((8, 31, 32, 33, 64, 150))) * random.choice((1, 1, 1, -1))
        found.append(value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))
    return found


def consistent(reader: Reader, index: Any, before: tuple[Any, Listed], random: Random) -> None:
    """A file that was accepted answers the same in whatever way it is asked."""
    listed, gone = reader.content(index)
    if len(listed) != index.entry_count or len(gone) != index.gone_count or listed.keys() & gone.keys():
        raise Untrue("iteration: other counts than the tail's, or a serial twice")
    keys = [*listed, *gone, *_absent(random)]
    random.shuffle(keys)
    for key in keys:
        entry = index.lookup(key)
        known = listed.get(key) or gone.get(key)
        if (entry is None) != (known is None):
            raise Untrue("look-up: another answer than iteration")
        if entry is not None and known is not None:
            said = (_seconds(entry), entry.reason, entry.partition_number)
            if said != known[:3] or entry.gone != (key in gone):
                raise Untrue("look-up: another entry than iteration")
        got = index.get(key)
        if (got is None) != (key not in listed) or (got is not None and _clamped(got) != listed[key]):
            raise Untrue("get: another answer than iteration")
    _batch(index.get_many(keys), keys, listed, gone)
    packed = b"".join(
        int.from_bytes(key, "big", signed=True).to_bytes(20, "big", signed=True) for key in keys
    )
    _batch(index.get_many(packed), keys, listed, gone)
    if list(reader.search.differing(index, index)) or list(reader.search.differing_gone(index, index)):
        raise Untrue("difference: a file differs from itself")
    other, was = before
    for old, new, pairs in ((was, listed, (other, index)), (listed, was, (index, other))):
        _difference(old, new, list(reader.search.differing(*pairs)), pairs)


def _clamped(got: tuple[int, int, int]) -> tuple[int, int, int]:
    """``get`` answers seconds as they are; an Entry's date is within the calendar."""
    first, last = -62_135_596_800, 253_402_300_799
    return (min(max(got[0], first), last), got[1], got[2])


def _batch(
    answers: Any,
    keys: Sequence[bytes],
    listed: Listed,
    gone: Gone,
) -> None:
    columns = (answers.states, answers.reasons, answers.partitions, answers.dates)
    for key, state, reason, partition, date in zip(keys, *columns, strict=True):
        known = listed.get(key) or gone.get(key)
        expected = 1 if key in listed else 0 if known is None else 3 if known[4] else 2
        if state != expected:
            raise Untrue("batch: another state than iteration")
        if known is not None and _clamped((date, reason, partition)) != known[:3]:
            raise Untrue("batch: another entry than iteration")


def _difference(
    old: Listed,
    new: Listed,
    pairs: list[tuple[int, int]],
    indexes: tuple[Any, Any],
) -> None:
    told = {
        (indexes[0].table.listed_at(a)[0] if a >= 0 else indexes[1].table.listed_at(b)[0]): (a >= 0, b >= 0)
        for a, b in pairs
    }
    expected = {
        serial: (serial in old, serial in new)
        for serial in old.keys() | new.keys()
        if (old[serial][:2] if serial in old else None) != (new[serial][:2] if serial in new else None)
    }
    if len(told) != len(pairs) or told != expected:
        raise Untrue("difference: another one than that of what iteration says")


def _under_its_reader(
    reader: Reader, data: bytes, changed: bytes, sound: tuple[Any, Any], random: Random
) -> None:
    """Answers as before, or a refusal, where the file was cut; where it was changed, anything but a crash."""
    exact = reader.loop.Exact(data)
    view = memoryview(exact)
    index = reader.search.Index(view, set_seq=1)
    before, listed = sound
    cut = changed.rstrip(b"\0")
    was_cut = len(cut) < len(data) - 8 and cut == data[: len(cut)]
    view[:] = changed
    # What stands between the sections is nothing that a look-up may read, nor what stands behind the entries:
    # the reader has its own copy of that. The last eight octets tell whether the file is still whole.
    end = 64
    for tag in reader.layout.SECTION_TAGS[: reader.layout.SECTION_TAGS.index(b"CODE")]:
        offset, length = index.tail.sections[tag]
        exact.forbid(end, offset)
        end = offset + length
    exact.forbid(end, len(data) - 8)
    keys = [*random.sample(sorted(listed), min(8, len(listed))), *_absent(random)]
    for key in keys:
        with contextlib.suppress(OwnFault):
            got = index.get(key)
            if was_cut and (None if got is None else _clamped(got)) != listed.get(key):
                raise Untrue("a file that was cut under its reader: another answer than before")
        with contextlib.suppress(OwnFault):
            index.lookup(key)
    with contextlib.suppress(OwnFault):
        states = index.get_many(keys).states
        if was_cut and list(states) != [int(key in listed) for key in keys]:
            raise Untrue("a file that was cut under its reader: another batch than before")
    for ask in (
        lambda: reader.content(index),
        lambda: list(reader.search.differing(before, index)),
        lambda: list(reader.search.differing_gone(index, before)),
        lambda: reader.search.added_by_reason(before, index),
        lambda: reader.search.added_by_reason(index, before),
    ):
        with contextlib.suppress(OwnFault):
            ask()


def run(task: dict[str, Any], loop: ModuleType) -> dict[str, Any]:
    """So many changed files, then so many changed images in C."""
    reader = Reader(loop)
    files = [bytes.fromhex(text) for text in task["files"]]
    sound = []
    for data in files:
        index = reader.open(data)
        listed, gone = reader.content(index)
        consistent(reader, index, (index, listed), Random(1))
        sound.append((index, listed, gone))
    last = Path(task["last"]).open("r+b", buffering=0)  # noqa: SIM115
    random = Random(task["seed"])
    counts: Counter[str] = Counter()
    start, used = time.monotonic(), time.process_time()
    done, finding = 0, None
    while done < task["executions"] and finding is None and time.monotonic() - start < task["seconds"]:
        number, kind = random.randrange(len(files)), random.choice(("raw", "sealed", "sealed", "under"))
        data = bytearray(files[number])
        change(data, random, same_size=kind == "under")
        if kind == "sealed":
            seal(data)
        last.seek(0)
        last.write(struct.pack("<II", len(data), number) + data)
        done += 1
        try:
            counts[f"{kind}, {_try(reader, kind, files[number], bytes(data), sound[number], random)}"] += 1
        except Untrue as error:
            finding = f"{kind}: {error}"
        except OwnFault as error:
            if error.code != "INDEX_CORRUPT":
                finding = f"{kind}: refused as {error.code}"
            counts[f"{kind}, refused"] += 1
        except Exception as error:
            finding = f"{kind}: {type(error).__name__}: {error}"
    answer: dict[str, Any] = {
        "executions": done,
        "seconds": time.monotonic() - start,
        "cpu_seconds": time.process_time() - used,
        "outcomes": dict(sorted(counts.items())),
        "finding": finding,
        "input": [number, data.hex()] if finding else None,
    }
    if finding is None:
        used = time.process_time()
        images = [loop.Image(index.table, list(listed), list(gone)) for index, listed, gone in sound]
        done, finding = loop.look_up_many(images, task["seed"], task["images"])
        answer["images"] = {"executions": done, "cpu_seconds": time.process_time() - used}
        answer["finding"] = finding and f"image: {finding}"
    return answer


def _try(reader: Reader, kind: str, data: bytes, changed: bytes, sound: Any, random: Random) -> str:
    index, listed, _ = sound
    if kind == "under":
        _under_its_reader(reader, data, changed, (index, listed), random)
        return "asked"
    if changed == data:
        return "unchanged"
    found = reader.open(changed)
    if kind == "raw":
        raise Untrue("a file with other octets and the same checksums was accepted")
    consistent(reader, found, (index, listed), random)
    return "accepted"
