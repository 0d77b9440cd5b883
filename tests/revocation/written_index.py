"""Index files written the slow way, from FORMAT.md alone: the oracle of builder and reader, sharing nothing
with either. Numbers go in as Python numbers, octets come out."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence

TAGS = (
    b"SHRT", b"LONG", b"LDIR", b"SGON", b"SGDR", b"LGON", b"LGDR", b"SMNY", b"LMNY", b"CODE", b"PART", b"LINE",
    b"PIEC",
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
    s = struct.unpack_from("<4I", mixing_key, 24)
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
    short = sorted(
        (short_key(mixing_key, serial), *said) for serial, said in listed.items() if is_short(serial)
    )
    sections = dict.fromkeys(TAGS, b"")
    sections[b"SHRT"] = _lines(short, home_lines, octets)
    bits = []
    code: Callable[[int], bytes] = lambda number: number.to_bytes(octets, "little")  # noqa: E731
    long = [(long_key(mixing_key, serial), *said) for serial, said in listed.items() if not is_short(serial)]
    short_gone = [(short_key(mixing_key, serial), *said) for serial, said in gone.items() if is_short(serial)]
    long_gone = [
        (long_key(mixing_key, serial), *said) for serial, said in gone.items() if not is_short(serial)
    ]
    long.sort()
    short_gone.sort()
    long_gone.sort()
    sections[b"LONG"] = b"".join(struct.pack("<QQII", *key, date) + code(said) for key, date, said in long)
    sections[b"SGON"] = b"".join(
        struct.pack("<IIIHHI", key, date, said, flags, 0, last) for key, date, said, flags, last in short_gone
    )
    sections[b"LGON"] = b"".join(
        struct.pack("<QQIIIHHI", *key, date, said, flags, 0, last)
        for key, date, said, flags, last in long_gone
    )
    for tag, keys, width in (
        (b"LDIR", [key[0] for key, *_ in long], 64),
        (b"SGDR", [key for key, *_ in short_gone], 32),
        (b"LGDR", [key[0] for key, *_ in long_gone], 64),
    ):
        size, sections[tag] = _directory(keys, width)
        bits.append(size)
    own = sorted(
        (short_key(mixing_key, serial), codes[said][0], date, said)
        for serial, date, said in many
        if is_short(serial)
    )
    sections[b"SMNY"] = b"".join(struct.pack("<III", key, date, said) for key, _, date, said in own)
    wide = sorted(
        (long_key(mixing_key, serial), codes[said][0], date, said)
        for serial, date, said in many
        if not is_short(serial)
    )
    sections[b"LMNY"] = b"".join(struct.pack("<QQIII", *key, date, said) for key, _, date, said in wide)
    sections[b"CODE"] = b"".join(struct.pack("<HBBi", *each) for each in codes)
    sections[b"PART"] = b"".join(states)
    sections[b"LINE"] = b"".join(struct.pack("<H", len(name)) + name.encode("ascii") for name in lineage)
    counts = struct.pack("<QQQ", home_lines, len(listed), len(gone))
    shape = struct.pack("<HH4BII", octets, FULL[octets], *bits, 0, len(states), len(codes))
    return _file(sections, mixing_key + counts + shape)


def _lines(short: Sequence[tuple[int, int, int]], home_lines: int, octets: int) -> bytes:
    """By the document's words: in its home line, or in the next one that is not full."""
    full = FULL[octets]
    lines: list[list[tuple[int, int, int]]] = [[] for _ in range(home_lines)]
    for key, date, said in short:
        at = key * home_lines >> 32
        while at < len(lines) and len(lines[at]) == full:
            at += 1
        if at == len(lines):
            lines.append([])
        lines[at].append((key, date, said))
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
    """Header, sections at multiples of 64, tail. ``facts``: what the tail has from its mixing key to CODE's rows."""
    data = bytearray(b"\x89RVX\r\n\x1a\n" + struct.pack("<H", 2) + bytes(54))
    table = b""
    for tag in TAGS:
        data += bytes(-len(data) % 64)
        content = sections[tag]
        if tag == b"PIEC":
            pieces = [bytes(data[at : at + 262_144]) for at in range(0, len(data), 262_144)]
            content = b"".join(struct.pack("<I", zlib.crc32(piece)) for piece in pieces)
            pieces_crc = zlib.crc32(content)
        table += tag + bytes(4) + struct.pack("<QQ", len(data), len(content))
        data += content
    tail = (
        table
        + facts
        + struct.pack("<Q", len(data) + 456)
        + bytes(36)
        + struct.pack("<IHH", pieces_crc, 2, 13)
    )
    return bytes(data) + tail + struct.pack("<I", zlib.crc32(tail)) + b"\n\x1a\n\rXVR\x89"


def sealed(data: bytes) -> bytes:
    """Every checksum of the file written anew, as a publisher at fault would; the sections' table is believed."""
    fixed = bytearray(data)
    tail = len(fixed) - 456
    start, length = struct.unpack_from("<QQ", fixed, tail + 12 * 24 + 8)
    for number in range(length // 4):
        piece = fixed[number * 262_144 : min(start, (number + 1) * 262_144)]
        struct.pack_into("<I", fixed, start + 4 * number, zlib.crc32(piece))
    struct.pack_into("<I", fixed, tail + 436, zlib.crc32(fixed[start : start + length]))
    struct.pack_into("<I", fixed, tail + 444, zlib.crc32(fixed[tail : tail + 444]))
    return bytes(fixed)
