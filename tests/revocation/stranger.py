"""A reader of published sets by a stranger: written from revocation/index/FORMAT.md alone, sharing nothing
with the product. It checks what the document says, and answers what the document lets it."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import zlib
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

NONE = -(1 << 63)
SEVERITY = {2: 9, 10: 8, 1: 7, 9: 6, 5: 5, 3: 4, 4: 4, 8: 2, 6: 1}


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
        assert self.manifest["format"] == "revocation-set/1"
        assert self.manifest["seq"] == int(seq)
        assert bytes.fromhex(self.manifest["publisher"]) == pinned
        key = Ed25519PublicKey.from_public_bytes(pinned)
        key.verify(base64.b64decode(signature.removeprefix(b"ed25519 ")), b"revocation-set/1\n" + line)
        self.snapshot_id = digest[:32]
        files = self.manifest["files"]
        assert files == sorted(files, key=lambda file: (file["ca_id"], file["key_id"]))
        self.lineages = {
            (file["ca_id"], file["key_id"]): self.read((folder / file["name"]).read_bytes(), file)
            for file in files
        }

    def read(self, data: bytes, file: dict[str, Any]) -> dict[str, Any]:
        assert len(data) == file["size"]
        assert hashlib.sha256(data).hexdigest() == file["sha256"]
        assert data[:8] == bytes.fromhex("895256580D0A1A0A")
        version, count, head, length = struct.unpack_from("<HHIQ", data, 8)
        entries, gone, rows, entry_size, gone_size = struct.unpack_from("<QQIHH", data, 24)
        assert (version, count, head, length) == (1, 5, 224, len(data))
        assert (entries, gone, entry_size, gone_size) == (file["entries"], file["gone"], 34, 40)
        assert zlib.crc32(data[:60] + bytes(4) + data[64:224]) == struct.unpack_from("<I", data, 60)[0]
        assert data[48:60] == bytes(12)
        sections, end = {}, 224
        for position in range(5):
            tag, crc, offset, size, reserved = struct.unpack_from("<4sIQQQ", data, 64 + 32 * position)
            assert (offset, reserved) == (end, 0)
            sections[tag] = data[offset : offset + size]
            assert zlib.crc32(sections[tag]) == crc
            end = offset + size + -size % 8
            assert data[offset + size : end] == bytes(-size % 8)
        assert list(sections) == [b"LINE", b"PART", b"ENTR", b"GONE", b"MANY"]
        assert end == len(data)
        names, line = [], sections[b"LINE"]
        while line:
            size = int.from_bytes(line[:2], "little")
            names.append(line[2 : 2 + size].decode("ascii"))
            line = line[2 + size :]
        assert names == [file["ca_id"], file["key_id"]]
        assert len(sections[b"PART"]) == rows * 164
        assert (len(sections[b"ENTR"]), len(sections[b"GONE"])) == (entries * 34, gone * 40)
        read = {
            "lists": dict(self.rows(sections[b"PART"])),
            "entries": dict(self.records(sections[b"ENTR"], 34)),
            "gone": dict(self.records(sections[b"GONE"], 40)),
            "many": list(self.records(sections[b"MANY"], 34, shared=True)),
        }
        assert not set(read["entries"]) & set(read["gone"])
        self.check_many(read)
        return read

    @staticmethod
    def rows(section: bytes) -> Any:
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

    @staticmethod
    def records(section: bytes, size: int, *, shared: bool = False) -> Any:
        previous = (b"", 0)
        for at in range(0, len(section), size):
            one = section[at : at + size]
            date, partition = struct.unpack_from("<qH", one, 24)
            assert previous < (one[:21], partition) if shared else previous[0] < one[:21]
            assert one[1 + one[0] : 21] == bytes(20 - one[0])
            assert (one[22] in (0, 1), one[23]) == (True, 0)
            previous = (one[:21], partition)
            tail = struct.unpack_from("<HI", one, 34) if size == 40 else ()
            yield one[1 : 1 + one[0]], (one[21], one[22], date, partition, *tail)

    @staticmethod
    def check_many(read: dict[str, Any]) -> None:
        """One entry for each serial: the winner's reason, flags and partition, the earliest date."""
        for serial in {serial for serial, _ in read["many"]}:
            own = [entry for other, entry in read["many"] if other == serial]
            assert len(own) > 1

            def rank(entry: Any) -> tuple[int, int, int]:
                return -SEVERITY.get(entry[0], 3), -read["lists"][entry[3]]["times"][0], entry[3]

            reason, flags, _, partition = min(own, key=rank)
            assert read["entries"][serial] == (reason, flags, min(entry[2] for entry in own), partition)

    def lookup(self, ca_id: str, key_id: str, serial: bytes) -> Any:
        """(reason, flags, date, partition), and two more where it is gone; None is not yet "good"."""
        read = self.lineages[ca_id, key_id]
        return read["entries"].get(serial, read["gone"].get(serial))
