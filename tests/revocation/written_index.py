"""Index files written the slow way, from FORMAT.md alone: the oracle of builder and reader, sharing nothing
with either. Numbers go in as Python numbers, octets come out."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

TAGS = (
    b"SHRT", b"LONG", b"LDIR", b"SGON", b"SGDR", b"LGON", b"LGDR",
    b"SMNY", b"LMNY", b"CODE", b"PART", b"LINE", b"PIEC",
)  # fmt: skip
FULL = {1: 7, 2: 6, 4: 5}
NO_TIME = -(1 << 63)
W32, W64 = (1 << 32) - 1, (1 << 64) - 1
#: Serial -> (lower half of the date, code).
Listed = Mapping[int, tuple[int, int]]
#: Serial -> (lower half of the date, code, flags, last set that listed it).
Gone = Mapping[int, tuple[int, int, int, int]]
#: (serial, lower half of the date, code), in any order.
Many = Iterable[tuple[int, int, int]]


def is_short(serial: int) -> bool:
    return 0 <= serial <= W32


def short_key(mixing_key: bytes, serial: int) -> int:
    s: tuple[int, ...] = struct.unpack_from("<4I", mixing_key, 24)
    x = serial ^ s[0]
    for factor, shift in ((s[1], 16), (s[2], 15), (s[3], 16)):
        x = x * (factor | 1) & W32
        x ^= x >> shift
    return x


def _mix(x: int, k: int) -> int:
    x ^= k
    x = x * 0x9E3779B97F4A7C15 & W64
    x ^= x >> 32
    x = x * (k | 1) & W64
    x ^= x >> 29
    x = x * 0xBF58476D1CE4E5B9 & W64
    return x ^ x >> 32


def long_key(mixing_key: bytes, serial: int) -> tuple[int, int, int]:
    l0, l1, l2 = struct.unpack_from("<3Q", mixing_key)
    b1, b0, a = struct.unpack(">IQQ", serial.to_bytes(20, "big", signed=True))
    return _mix(a ^ _mix(b0 ^ _mix(b1, l2), l1), l0), b0, b1


def row(number: int, *, entries: int, state: int = 1) -> bytes:
    """A row of PART: an accepted list, or an absent one."""
    times = (NO_TIME,) * 3 if state == 0 else (1_800_000_000, 1_800_100_000, 1_800_000_180_000_000)
    head = struct.pack("<HBBI", number, state, 0 if state == 0 else 1, 0)
    crl_number = (0 if state == 0 else 7).to_bytes(20, "big")
    digest = bytes(32) if state == 0 else bytes([number & 0xFF]) * 32
    rest = struct.pack("<qqqQQ", *times, 0 if state == 0 else 1, 0 if state == 0 else entries)
    return head + crl_number + b"\xab" * 32 + digest + rest + b"\xcd" * 32


def write_index(
    lineage: tuple[str, str],
    mixing_key: bytes,
    codes: Sequence[tuple[int, int, int, int]],
    states: Sequence[bytes],
    listed: Listed,
    gone: Gone,
    many: Many,
    home_lines: int,
    *,
    code_octets: int = 0,
) -> bytes:
    """A whole file. ``codes``: (partition, reason, flags, date high); ``states``: rows of PART, in order."""
    octets = code_octets or next(size for size in (1, 2, 4) if len(codes) <= 1 << 8 * size)
    sections = dict.fromkeys(TAGS, b"")

    def by_key(said: Iterable[tuple[int, Any]], *, wide: bool) -> list[tuple[Any, Any]]:
        key: Callable[[bytes, int], Any] = long_key if wide else short_key
        return sorted((key(mixing_key, serial), rest) for serial, rest in said if is_short(serial) != wide)

    def packed_key(key: Any, *, wide: bool) -> bytes:
        return struct.pack("<QQI", *key) if wide else struct.pack("<I", key)

    sections[b"SHRT"] = _lines(by_key(listed.items(), wide=False), home_lines, octets)
    long = by_key(listed.items(), wide=True)
    sections[b"LONG"] = b"".join(
        packed_key(key, wide=True) + struct.pack("<I", date) + code.to_bytes(octets, "little")
        for key, (date, code) in long
    )
    directories = [(b"LDIR", [key[0] for key, _ in long], 64)]
    for tag, directory, wide in ((b"SGON", b"SGDR", False), (b"LGON", b"LGDR", True)):
        left = by_key(gone.items(), wide=wide)
        sections[tag] = b"".join(
            packed_key(key, wide=wide) + struct.pack("<IIHHI", date, code, flags, 0, last)
            for key, (date, code, flags, last) in left
        )
        directories.append((directory, [key[0] if wide else key for key, _ in left], 64 if wide else 32))
    bits = []
    for tag, keys, width in directories:
        size, sections[tag] = _directory(keys, width)
        bits.append(size)
    own = [(serial, (codes[code][0], date, code)) for serial, date, code in many]
    for tag, wide in ((b"SMNY", False), (b"LMNY", True)):
        sections[tag] = b"".join(
            packed_key(key, wide=wide) + struct.pack("<II", date, code)
            for key, (_, date, code) in by_key(own, wide=wide)
        )
    sections[b"CODE"] = b"".join(struct.pack("<HBBi", *each) for each in codes)
    sections[b"PART"] = b"".join(states)
    sections[b"LINE"] = b"".join(struct.pack("<H", len(name)) + name.encode("ascii") for name in lineage)
    counts = struct.pack("<QQQ", home_lines, len(listed), len(gone))
    shape = struct.pack("<HH4BII", octets, FULL[octets], *bits, 0, len(states), len(codes))
    return _file(sections, mixing_key + counts + shape)


def _lines(short: Sequence[tuple[int, tuple[int, int]]], home_lines: int, octets: int) -> bytes:
    """By the document's words: in its home line, or in the next one that is not full."""
    full = FULL[octets]
    lines: list[list[tuple[int, int, int]]] = [[] for _ in range(home_lines)]
    for key, (date, code) in short:
        at = key * home_lines >> 32
        while at < len(lines) and len(lines[at]) == full:
            at += 1
        if at == len(lines):
            lines.append([])
        lines[at].append((key, date, code))
    packed = []
    for line in lines:
        spare = [0] * (full - len(line))
        keys = struct.pack(f"<{full}I", *(key for key, _, _ in line), *spare)
        dates = struct.pack(f"<{full}I", *(date for _, date, _ in line), *spare)
        said = b"".join(code.to_bytes(octets, "little") for _, _, code in line)
        packed.append((keys + dates + said).ljust(63, b"\0") + bytes([128 + len(line)]))
    return b"".join(packed)


def _directory(keys: Sequence[int], width: int) -> tuple[int, bytes]:
    if not keys:
        return 0, b""
    bits = 1
    while len(keys) > 8 * 2**bits:
        bits += 1
    cut = [key >> width - bits for key in keys]
    below = [0] * (2**bits + 1)
    for each in cut:
        below[each + 1] += 1
    for number in range(2**bits):
        below[number + 1] += below[number]
    return bits, struct.pack(f"<{len(below)}I", *below)


def _file(sections: Mapping[bytes, bytes], facts: bytes) -> bytes:
    """Header, sections at multiples of 64, tail; ``facts``: the tail's from its mixing key to CODE's rows."""
    data = bytearray(b"\x89RVX\r\n\x1a\n" + struct.pack("<H", 2) + bytes(54))
    table, sums = b"", b""
    for tag in TAGS:
        data += bytes(-len(data) % 64)
        sums = b"".join(
            struct.pack("<I", zlib.crc32(data[at : at + 262_144])) for at in range(0, len(data), 262_144)
        )
        content = sums if tag == b"PIEC" else sections[tag]
        table += tag + bytes(4) + struct.pack("<QQ", len(data), len(content))
        data += content
    tail = table + facts + struct.pack("<Q36xIHH", len(data) + 456, zlib.crc32(sums), 2, 13)
    return bytes(data) + tail + struct.pack("<I", zlib.crc32(tail)) + b"\n\x1a\n\rXVR\x89"


def sealed(data: bytes) -> bytes:
    """Every checksum written anew, as by a publisher at fault; the table of sections is believed."""
    fixed = bytearray(data)
    tail = len(fixed) - 456
    start, length = struct.unpack_from("<QQ", fixed, tail + 12 * 24 + 8)
    for number in range(length // 4):
        piece = fixed[number * 262_144 : min(start, (number + 1) * 262_144)]
        struct.pack_into("<I", fixed, start + 4 * number, zlib.crc32(piece))
    struct.pack_into("<I", fixed, tail + 436, zlib.crc32(fixed[start : start + length]))
    struct.pack_into("<I", fixed, tail + 444, zlib.crc32(fixed[tail : tail + 444]))
    return bytes(fixed)
