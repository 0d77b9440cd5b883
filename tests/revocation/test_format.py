"""The stranger's reader: written from FORMAT.md alone, it reads what we publish, with nothing of ours."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import zlib
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.revocation.sets import DAY, PUBLISHER, T0, accepted, every_list, record, scope, store, world

FORMAT = Path(__file__).parents[2] / "revocation" / "index" / "FORMAT.md"


class Stranger:
    """A set, read by the document."""

    def __init__(self, folder: Path, pinned: bytes) -> None:
        seq, digest = (folder / "CURRENT").read_bytes().decode().removesuffix("\n").split(" ")
        lines = (folder / f"{int(seq):08}.manifest").read_bytes().split(b"\n")
        assert hashlib.sha256(lines[0]).hexdigest() == digest
        self.manifest: dict[str, Any] = json.loads(lines[0])
        assert bytes.fromhex(self.manifest["publisher"]) == pinned
        signature = base64.b64decode(lines[1].removeprefix(b"ed25519 "))
        Ed25519PublicKey.from_public_bytes(pinned).verify(signature, b"revocation-set/1\n" + lines[0])
        self.lineages: dict[tuple[str, str], dict[str, Any]] = {}
        for file in self.manifest["files"]:
            data = (folder / file["name"]).read_bytes()
            assert len(data) == file["size"]
            assert hashlib.sha256(data).hexdigest() == file["sha256"]
            self.lineages[file["ca_id"], file["key_id"]] = self.read(data, file)

    def read(self, data: bytes, file: dict[str, Any]) -> dict[str, Any]:
        assert data[:8] == bytes.fromhex("895256580D0A1A0A")
        version, count, head, length = struct.unpack_from("<HHIQ", data, 8)
        entries, gone, rows, entry_size, gone_size = struct.unpack_from("<QQIHH", data, 24)
        assert (version, count, head, length) == (1, 5, 224, len(data))
        assert (entries, gone, entry_size, gone_size) == (file["entries"], file["gone"], 34, 40)
        assert zlib.crc32(data[:60] + bytes(4) + data[64:224]) == struct.unpack_from("<I", data, 60)[0]
        sections = {}
        for position in range(5):
            tag, crc, offset, size, _ = struct.unpack_from("<4sIQQQ", data, 64 + 32 * position)
            sections[tag] = data[offset : offset + size]
            assert zlib.crc32(sections[tag]) == crc
        names, line = [], sections[b"LINE"]
        while line:
            size = int.from_bytes(line[:2], "little")
            names.append(line[2 : 2 + size].decode("ascii"))
            line = line[2 + size :]
        assert names == [file["ca_id"], file["key_id"]]
        return {
            "lists": dict(self.rows(sections[b"PART"], rows)),
            "entries": dict(self.records(sections[b"ENTR"], 34)),
            "gone": dict(self.records(sections[b"GONE"], 40)),
        }

    @staticmethod
    def rows(section: bytes, rows: int) -> Any:
        assert len(section) == rows * 164
        for at in range(0, len(section), 164):
            number, state, size, flags, crl_number = struct.unpack_from("<HBBI20s", section, at)
            this_update, next_update, ingested = struct.unpack_from("<qqq", section, at + 92)
            accepted_in, entries = struct.unpack_from("<QQ", section, at + 116)
            yield (
                number,
                {
                    "state": ("absent", "accepted", "carried")[state],
                    "crl_number": int.from_bytes(crl_number, "big") if size else None,
                    "signing_key": section[at + 28 : at + 60].hex(),
                    "times": (this_update, next_update, ingested),
                    "accepted_in": accepted_in,
                    "entries": entries,
                    "outdated": bool(flags & 1),
                    "point": section[at + 132 : at + 164],
                },
            )

    @staticmethod
    def records(section: bytes, size: int) -> Any:
        previous = b""
        for at in range(0, len(section), size):
            one = section[at : at + size]
            assert previous < one[:21]
            previous = one[:21]
            (date,) = struct.unpack_from("<q", one, 24)
            (partition,) = struct.unpack_from("<H", one, 32)
            tail = struct.unpack_from("<HI", one, 34) if size == 40 else ()
            yield one[1 : 1 + one[0]], (one[21], one[22], date, partition, *tail)


def test_a_stranger_reads_what_we_publish(tmp_path: Path) -> None:
    """Two sets with a carried list, a gone entry and one that left on hold, through FORMAT.md alone."""
    authorities, authority = world()
    one, two = scope(authority, 1), scope(authority, 2)
    writer = store(tmp_path)
    revoked = int((T0 - DAY).timestamp())
    first = every_list(authority) | {
        one: accepted(record(143, 3, flags=1) + record(5, 6) + record(6, 4)),
        two: accepted(record(7, 0xFF), number=(1 << 159) + 1),
    }
    writer.publish(first, authorities, now=T0)
    second = every_list(authority, 1) | {
        one: accepted(record(143, 3, flags=1), number=2, this_update=T0 + DAY)
    }
    del second[two]
    writer.publish(second, authorities, now=T0 + DAY)

    read = Stranger(tmp_path, PUBLISHER.public_key().public_bytes_raw())
    assert (read.manifest["seq"], read.manifest["previous"]["seq"], read.manifest["partial"]) == (2, 1, True)
    assert read.manifest["lists"] == {"accepted": 3, "carried": 1, "absent": 0}
    lineage = read.lineages["card-sign", one.lineage.key_id]
    assert lineage["entries"] == {
        b"\x07": (0xFF, 0, revoked, 2),
        b"\x00\x8f": (3, 1, revoked, 1),
    }
    assert lineage["gone"] == {b"\x05": (6, 0, revoked, 1, 1, 1), b"\x06": (4, 0, revoked, 1, 0, 1)}
    start = int(T0.timestamp())
    assert lineage["lists"][2] == {
        "state": "carried",
        "crl_number": (1 << 159) + 1,
        "signing_key": two.signing_key,
        "times": (start, start + 2 * 86_400, (start + 180) * 1_000_000),
        "accepted_in": 1,
        "entries": 1,
        "outdated": False,
        "point": hashlib.sha256(authority.partitions[1].distribution_point).digest(),
    }
    assert (lineage["lists"][1]["state"], lineage["lists"][1]["accepted_in"]) == ("accepted", 2)


def test_the_worked_example_is_what_the_code_writes(tmp_path: Path) -> None:
    """The octets in the document are found in a file."""
    authorities, authority = world()
    lists = every_list(authority) | {scope(authority, 2): accepted(record(143, 3))}
    store(tmp_path).publish(lists, authorities, now=T0)
    text = FORMAT.read_text().split("```\n")[1]
    example = bytes.fromhex(text)
    assert len(example) == 34
    assert any(example in path.read_bytes() for path in tmp_path.glob("*.index"))
