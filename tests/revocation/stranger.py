"""A reader of published sets by a stranger: written from revocation/index/FORMAT.md alone, sharing nothing
with the product. It checks what the document says, and answers what the document lets it."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

NONE = -(1 << 63)
SEVERITY = {2: 9, 10: 8, 1: 7, 9: 6, 5: 5, 3: 4, 4: 4, 8: 2, 6: 1}
TAGS = b"SHRT LONG LDIR SGON SGDR LGON LGDR SMNY LMNY CODE PART LINE PIEC".split()
PIECE = 262_144
M32, M64 = (1 << 32) - 1, (1 << 64) - 1


class Mixing:
    """The six numbers of a mixing key, and serials from keys and back: "Keys"."""

    def __init__(self, key: bytes) -> None:
        self.long: tuple[int, ...] = struct.unpack_from("<3Q", key)
        self.short: tuple[int, ...] = struct.unpack_from("<4I", key, 24)

    def short_key(self, serial: int) -> int:
        s0, s1, s2, s3 = self.short
        x = serial ^ s0
        x = x * (s1 | 1) & M32
        x = x ^ (x >> 16)
        x = x * (s2 | 1) & M32
        x = x ^ (x >> 15)
        x = x * (s3 | 1) & M32
        return x ^ (x >> 16)

    def short_serial(self, key: int) -> int:
        s0, s1, s2, s3 = self.short
        x = key ^ (key >> 16)
        x = x * pow(s3 | 1, -1, 1 << 32) & M32
        x = x ^ (x >> 15) ^ (x >> 30)
        x = x * pow(s2 | 1, -1, 1 << 32) & M32
        x = x ^ (x >> 16)
        x = x * pow(s1 | 1, -1, 1 << 32) & M32
        return x ^ s0

    @staticmethod
    def mix(x: int, k: int) -> int:
        x = (x ^ k) * 0x9E3779B97F4A7C15 & M64
        x = (x ^ (x >> 32)) * (k | 1) & M64
        x = (x ^ (x >> 29)) * 0xBF58476D1CE4E5B9 & M64
        return x ^ (x >> 32)

    @staticmethod
    def unmix(x: int, k: int) -> int:
        x = (x ^ (x >> 32)) * pow(0xBF58476D1CE4E5B9, -1, 1 << 64) & M64
        x = (x ^ (x >> 29) ^ (x >> 58)) * pow(k | 1, -1, 1 << 64) & M64
        x = (x ^ (x >> 32)) * pow(0x9E3779B97F4A7C15, -1, 1 << 64) & M64
        return x ^ k

    def below(self, b0: int, b1: int) -> int:
        return self.mix(b0 ^ self.mix(b1, self.long[2]), self.long[1])

    def long_key(self, serial: int) -> tuple[int, int, int]:
        b1, b0, a = struct.unpack(">IQQ", serial.to_bytes(20, "big", signed=True))
        return self.mix(a ^ self.below(b0, b1), self.long[0]), b0, b1

    def long_serial(self, m: int, b0: int, b1: int) -> int:
        a = self.unmix(m, self.long[0]) ^ self.below(b0, b1)
        serial = int.from_bytes(struct.pack(">IQQ", b1, b0, a), "big", signed=True)
        assert not 0 <= serial <= M32
        return serial


def octets(serial: int) -> bytes:
    """The content octets of its DER INTEGER."""
    return serial.to_bytes((serial if serial >= 0 else ~serial).bit_length() // 8 + 1, "big", signed=True)


def tree(data: bytes) -> str:
    """The hash of a file in a manifest."""
    leaves = (hashlib.sha256(data[at : at + PIECE]).digest() for at in range(0, len(data), PIECE))
    return hashlib.sha256(b"".join(leaves)).hexdigest()


class Stranger:
    """The published set of a folder, read whole."""

    def __init__(self, folder: Path, pinned: bytes) -> None:
        seq, digest = (folder / "CURRENT").read_bytes().decode("ascii").removesuffix("\n").split(" ")
        line, signature, rest = (folder / f"{int(seq):08}.manifest").read_bytes().split(b"\n")
        assert hashlib.sha256(line).hexdigest() == digest
        assert rest == b""
        self.manifest: dict[str, Any] = json.loads(line)
        spelling = json.dumps(self.manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        assert spelling.encode("ascii") == line
        assert self.manifest["format"] == "revocation-set/2"
        assert self.manifest["seq"] == int(seq)
        assert bytes.fromhex(self.manifest["publisher"]) == pinned
        key = Ed25519PublicKey.from_public_bytes(pinned)
        key.verify(base64.b64decode(signature.removeprefix(b"ed25519 ")), b"revocation-set/2\n" + line)
        self.snapshot_id = digest[:32]
        files = self.manifest["files"]
        assert files == sorted(files, key=lambda file: (file["ca_id"], file["key_id"]))
        self.lineages = {
            (file["ca_id"], file["key_id"]): self.read((folder / file["name"]).read_bytes(), file)
            for file in files
        }

    def read(self, data: bytes, file: dict[str, Any]) -> dict[str, Any]:
        assert len(data) == file["size"]
        assert tree(data) == file["sha256_tree"]
        read = read_file(data)
        check_many(read)
        assert read["lineage"] == [file["ca_id"], file["key_id"]]
        assert (len(read["entries"]), len(read["gone"])) == (file["entries"], file["gone"])
        return read

    def lookup(self, ca_id: str, key_id: str, serial: bytes) -> Any:
        """(reason, flags, date, partition), and two more where it is gone; None is not yet "good"."""
        read = self.lineages[ca_id, key_id]
        return read["entries"].get(serial, read["gone"].get(serial))


def read_file(data: bytes) -> dict[str, Any]:
    """An index file: its lists, its entries by serial octets, and where they stand."""
    assert data[:64] == bytes.fromhex("895256580D0A1A0A") + struct.pack("<H", 2) + bytes(54)
    tail = data[-456:]
    sections, end = {}, 64
    for position, tag in enumerate(TAGS):
        found, zeros, offset, size = struct.unpack_from("<4sIQQ", tail, 24 * position)
        assert (found, zeros) == (tag, 0)
        assert offset == end + -end % 64
        assert data[end:offset] == bytes(offset - end)
        sections[tag] = data[offset : offset + size]
        end = offset + size
    assert end == len(data) - 456
    mixing = Mixing(tail[312:352])
    home_lines, entries, gone, code_octets, full = struct.unpack_from("<QQQHH", tail, 352)
    bits, reserved, rows, codes, length = struct.unpack_from("<3sBIIQ", tail, 380)
    assert {1: 7, 2: 6, 4: 5}[code_octets] == full
    assert (reserved, tail[400:436], length) == (0, bytes(36), len(data))
    sums_at = struct.unpack_from("<Q", tail, 12 * 24 + 8)[0]
    sums = [zlib.crc32(data[at : min(at + PIECE, sums_at)]) for at in range(0, sums_at, PIECE)]
    assert sections[b"PIEC"] == struct.pack(f"<{len(sums)}I", *sums)
    checksums = zlib.crc32(sections[b"PIEC"]), zlib.crc32(tail[:444])
    assert struct.unpack_from("<IHHI", tail, 436) == (checksums[0], 2, 13, checksums[1])
    assert tail[448:] == bytes.fromhex("0A1A0A0D58565289")
    assert (len(sections[b"PART"]), len(sections[b"CODE"])) == (rows * 164, codes * 8)
    meanings = list(struct.iter_unpack("<HBBi", sections[b"CODE"]))
    assert len(set(meanings)) == codes
    assert all(flags in (0, 1) for _, _, flags, _ in meanings)

    def said(date: int, code: int) -> tuple[int, int, int, int]:
        """(reason, flags, date, partition)."""
        partition, reason, flags, high = meanings[code]
        return reason, flags, high * 2**32 + date, partition

    listed = {
        octets(mixing.short_serial(key)): said(date, code)
        for key, date, code in short_entries(sections[b"SHRT"], home_lines, full, code_octets)
    }
    long = list(long_records(sections[b"LONG"], 24 + code_octets))
    for key, date, rest in long:
        listed[octets(mixing.long_serial(*key))] = said(date, int.from_bytes(rest, "little"))
    left: dict[bytes, Any] = {}
    short_gone = list(struct.iter_unpack("<IIIHHI", sections[b"SGON"]))
    assert [key for key, *_ in short_gone] == sorted({key for key, *_ in short_gone})
    for short, date, code, flags, zeros, last in short_gone:
        assert (flags in (0, 1), zeros, last > 0) == (True, 0, True)
        left[octets(mixing.short_serial(short))] = (*said(date, code), flags, last)
    long_gone = list(long_records(sections[b"LGON"], 36))
    for key, date, rest in long_gone:
        code, flags, zeros, last = struct.unpack("<IHHI", rest)
        assert (flags in (0, 1), zeros, last > 0) == (True, 0, True)
        left[octets(mixing.long_serial(*key))] = (*said(date, code), flags, last)
    assert (len(listed), len(left)) == (entries, gone)
    assert not set(listed) & set(left)
    check_directory(sections[b"LDIR"], bits[0], [key[0] for key, _, _ in long], 64)
    check_directory(sections[b"SGDR"], bits[1], [key for key, *_ in short_gone], 32)
    check_directory(sections[b"LGDR"], bits[2], [key[0] for key, _, _ in long_gone], 64)
    many = []
    order: list[Any] = []
    for short, date, code in struct.iter_unpack("<III", sections[b"SMNY"]):
        many.append((octets(mixing.short_serial(short)), said(date, code)))
        order.append((0, short, 0, 0, said(date, code)[3]))
    for m, b0, b1, date, code in struct.iter_unpack("<QQIII", sections[b"LMNY"]):
        many.append((octets(mixing.long_serial(m, b0, b1)), said(date, code)))
        order.append((1, m, b0, b1, said(date, code)[3]))
    assert order == sorted(set(order))
    names, line = [], sections[b"LINE"]
    while line:
        size = int.from_bytes(line[:2], "little")
        names.append(line[2 : 2 + size].decode("ascii"))
        line = line[2 + size :]
    read = {
        "lineage": names,
        "lists": dict(list_rows(sections[b"PART"])),
        "entries": listed,
        "gone": left,
        "many": many,
        "sections": sections,
    }
    check_counts(read)
    return read


def short_entries(section: bytes, home_lines: int, full: int, code_octets: int) -> Any:
    """Each entry of the lines, where it must stand: at home, or behind lines that are full from there on."""
    before, full_since = -1, 0
    assert (home_lines == 0) == (section == b"")
    assert len(section) >= home_lines * 64
    for at in range(len(section) // 64):
        line = section[64 * at : 64 * at + 64]
        count = line[63] - 128
        assert 0 <= count <= full
        assert count > 0 or at < home_lines
        keys, dates = struct.unpack_from(f"<{full}I", line), struct.unpack_from(f"<{full}I", line, 4 * full)
        codes = [
            int.from_bytes(line[8 * full + n * code_octets :][:code_octets], "little") for n in range(full)
        ]
        for spare in (keys, dates, codes):
            assert not any(spare[count:])
        assert not any(line[8 * full + full * code_octets : 63])
        for key, date, code in zip(keys[:count], dates, codes, strict=False):
            assert key > before
            assert full_since <= key * home_lines >> 32 <= at
            before = key
            yield key, date, code
        if count < full:
            full_since = at + 1


def long_records(section: bytes, size: int) -> Any:
    """((m, b0, b1), date, what follows) of each record, ascending."""
    before = (-1, -1, -1)
    for at in range(0, len(section), size):
        m, b0, b1, date = struct.unpack_from("<QQII", section, at)
        assert (m, b0, b1) > before
        before = (m, b0, b1)
        yield before, date, section[at + 24 : at + size]


def check_directory(section: bytes, bits: int, keys: list[int], width: int) -> None:
    """Number i: how many keys, cut to their highest bits, are below i."""
    if not keys:
        assert (section, bits) == (b"", 0)
        return
    assert bits == next(b for b in range(1, 40) if len(keys) <= 8 * 2**b)
    below = [sum(key >> (width - bits) < number for key in keys) for number in range(2**bits + 1)]
    assert section == struct.pack(f"<{2**bits + 1}I", *below)


def list_rows(section: bytes) -> Any:
    before = 0
    for at in range(0, len(section), 164):
        number, state, size, flags, crl_number = struct.unpack_from("<HBBI20s", section, at)
        times = struct.unpack_from("<qqq", section, at + 92)
        accepted_in, entries = struct.unpack_from("<QQ", section, at + 116)
        assert number > before
        assert flags in (0, 1)
        before = number
        row = {
            "state": ("absent", "accepted", "carried")[state],
            "crl_number": int.from_bytes(crl_number, "big") if size else None,
            "signing_key": section[at + 28 : at + 60].hex(),
            "sha256": section[at + 60 : at + 92],
            "times": tuple(None if time == NONE else time for time in times),
            "accepted_in": accepted_in,
            "entries": entries,
            "outdated": flags == 1,
            "point": section[at + 132 : at + 164],
        }
        if state == 0:
            assert (row["times"], row["crl_number"], accepted_in, entries) == ((None,) * 3, None, 0, 0)
        yield number, row


def check_many(read: dict[str, Any]) -> None:
    """One entry for each serial: the winner's reason, flags and partition, the earliest date."""
    for serial in {serial for serial, _ in read["many"]}:
        own = [entry for other, entry in read["many"] if other == serial]
        assert len(own) > 1

        def rank(entry: Any) -> tuple[int, int, int]:
            return -SEVERITY.get(entry[0], 3), -read["lists"][entry[3]]["times"][0], entry[3]

        reason, flags, _, partition = min(own, key=rank)
        assert read["entries"][serial] == (reason, flags, min(entry[2] for entry in own), partition)


def check_counts(read: dict[str, Any]) -> None:
    """Entries of declared lists, no more of each than its row says; several own entries of listed serials."""
    counts = Counter(entry[3] for entry in read["entries"].values())
    assert all(count <= read["lists"][partition]["entries"] for partition, count in counts.items())
    assert {entry[3] for entry in read["gone"].values()} <= set(read["lists"])
    assert {entry[3] for _, entry in read["many"]} <= set(read["lists"])
    several = Counter(serial for serial, _ in read["many"])
    assert all(count > 1 and serial in read["entries"] for serial, count in several.items())
