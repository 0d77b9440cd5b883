"""The stranger's reader, written from FORMAT.md alone, reads what we publish; so the document is complete."""

from __future__ import annotations

import ast
import hashlib
import re
import sys
import zlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revocation.authorities import Lineage
from revocation.index import layout
from revocation.index.build import build_index
from revocation.index.layout import ListPresence, ListState
from revocation.index.tail import TAIL_OCTETS
from revocation.snapshot.current import Snapshot
from tests.revocation.sets import (
    DAY,
    PUBLISHER,
    T0,
    accepted,
    every_list,
    reader,
    record,
    scope,
    store,
    world,
)
from tests.revocation.stranger import Stranger, read_file

FORMAT = Path(__file__).parents[2] / "revocation" / "index" / "FORMAT.md"
PINNED = PUBLISHER.public_key().public_bytes_raw()
REVOKED = int((T0 - DAY).timestamp())


def test_a_stranger_reads_what_we_publish(tmp_path: Path) -> None:
    """Two sets with a carried list, a gone entry and one that left on hold, through FORMAT.md alone."""
    authorities, authority = world()
    one, two = scope(authority, 1), scope(authority, 2)
    writer = store(tmp_path)
    first = every_list(authority) | {
        one: accepted(record(143, 3, flags=1) + record(5, 6) + record(6, 4)),
        two: accepted(record(7, 0xFF), number=(1 << 159) + 1),
    }
    writer.publish(first, authorities, now=T0)
    second = every_list(authority, 1) | {
        one: accepted(record(143, 3, flags=1), number=2, this_update=T0 + DAY)
    }
    del second[two]
    published = writer.publish(second, authorities, now=T0 + DAY)

    read = Stranger(tmp_path, PINNED)
    assert read.snapshot_id == published.snapshot_id
    assert (read.manifest["seq"], read.manifest["previous"]["seq"], read.manifest["partial"]) == (2, 1, True)
    assert read.manifest["lists"] == {"accepted": 3, "carried": 1, "absent": 0}
    assert datetime.fromisoformat(read.manifest["created_at"]) == T0 + DAY
    lineage = read.lineages["card-sign", one.lineage.key_id]
    assert lineage["entries"] == {b"\x07": (0xFF, 0, REVOKED, 2), b"\x00\x8f": (3, 1, REVOKED, 1)}
    assert lineage["gone"] == {b"\x05": (6, 0, REVOKED, 1, 1, 1), b"\x06": (4, 0, REVOKED, 1, 0, 1)}
    start = int(T0.timestamp())
    assert lineage["lists"][2] == {
        "state": "carried",
        "crl_number": (1 << 159) + 1,
        "signing_key": two.signing_key,
        "sha256": first[two].source_sha256,
        "times": (start, start + 2 * 86_400, (start + 180) * 1_000_000),
        "accepted_in": 1,
        "entries": 1,
        "outdated": False,
        "point": hashlib.sha256(authority.partitions[1].distribution_point).digest(),
    }
    assert (lineage["lists"][1]["state"], lineage["lists"][1]["accepted_in"]) == ("accepted", 2)


def test_a_stranger_reads_what_several_lists_name(tmp_path: Path) -> None:
    """SMNY has each list's own entry; the united one follows from them by the document's rule, and when one
    list is carried over, its own entry counts again."""
    authorities, authority = world(partitions=3)
    scopes = [scope(authority, number) for number in (1, 2, 3)]
    lists = every_list(authority) | {
        scopes[0]: accepted({9: (4, T0 - 3 * DAY), 8: 6}, number=1),
        scopes[1]: accepted({9: (1, T0 - DAY), 8: 6}, number=1),
        scopes[2]: accepted({9: 6}, number=1),
    }
    store(tmp_path).publish(lists, authorities, now=T0)
    lineage = Stranger(tmp_path, PINNED).lineages["card-sign", scopes[0].lineage.key_id]
    assert sorted((serial, entry[0], entry[3]) for serial, entry in lineage["many"]) == [
        (b"\x08", 6, 1),
        (b"\x08", 6, 2),
        (b"\x09", 1, 2),
        (b"\x09", 4, 1),
        (b"\x09", 6, 3),
    ]
    assert lineage["entries"][b"\x09"] == (1, 0, int((T0 - 3 * DAY).timestamp()), 2)
    # The keyCompromise leaves its list; the other two are carried over with their own words.
    del lists[scopes[0]], lists[scopes[2]]
    lists[scopes[1]] = accepted({}, number=2, this_update=T0 + DAY)
    store(tmp_path).publish(lists, authorities, now=T0 + DAY)
    lineage = Stranger(tmp_path, PINNED).lineages["card-sign", scopes[0].lineage.key_id]
    assert lineage["entries"][b"\x09"] == (4, 0, int((T0 - 3 * DAY).timestamp()), 1)
    assert [(serial, entry[3]) for serial, entry in lineage["many"]] == [(b"\x09", 1), (b"\x09", 3)]


#: Short serials and long ones.
VALUES = [*range(300), *(value << 40 for value in range(1, 30)), (1 << 159) - 1, 1 << 32]
words = st.dictionaries(
    st.sampled_from(VALUES[1:]),
    st.tuples(st.sampled_from([0xFF, 0, 1, 3, 4, 6, 8, 99]), st.sampled_from([T0, T0 - DAY, T0 - 3 * DAY])),
    max_size=8,
)


@settings(max_examples=15, deadline=None)
@given(nights=st.lists(st.dictionaries(st.integers(1, 3), words), min_size=1, max_size=3))
def test_a_stranger_and_we_answer_alike(
    tmp_path_factory: pytest.TempPathFactory, nights: list[dict[int, dict[int, tuple[int, datetime]]]]
) -> None:
    """Whatever was published: every serial is found by both with the same words, or by neither."""
    folder = tmp_path_factory.mktemp("sets")
    authorities, authority = world(partitions=3)
    for day, night in enumerate(nights):
        lists = every_list(authority, day) | {
            scope(authority, number): accepted(listing, number=day + 1, this_update=T0 + day * DAY)
            for number, listing in night.items()
        }
        store(folder).publish(lists, authorities, now=T0 + day * DAY)
    ours = reader(folder).current()
    assert isinstance(ours, Snapshot)
    theirs = Stranger(folder, PINNED)
    lineage = scope(authority, 1).lineage
    for value in [*VALUES, 300, 301, (1 << 32) - 1, (1 << 32) + 1]:
        serial = value.to_bytes(value.bit_length() // 8 + 1, "big")
        entry = ours.lookup(lineage, serial)
        told = theirs.lookup(lineage.ca_id, lineage.key_id, serial)
        assert (entry is None) == (told is None)
        if entry is not None:
            date = datetime.fromtimestamp(told[2], UTC)
            assert (entry.reason, entry.revocation_date, entry.partition_number) == (told[0], date, told[3])
            assert entry.gone is (len(told) == 6)
            if entry.gone:
                assert (entry.left_on_hold, entry.last_listed_seq) == (bool(told[4]), told[5])


def test_the_stranger_shares_nothing_with_us() -> None:
    """The standard library and an Ed25519 verifier: nothing of the product, nothing of its tests."""
    tree = ast.parse((Path(__file__).parent / "stranger.py").read_text())
    modules = {
        (node.module or "") if isinstance(node, ast.ImportFrom) else node.names[0].name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom | ast.Import)
    }
    tops = {module.split(".")[0] for module in modules}
    assert tops - set(sys.stdlib_module_names) == {"cryptography"}


def test_the_worked_example_is_what_the_code_writes() -> None:
    """The octets in the document are the line, the long record and the code of a file that is built from
    its words, and a stranger reads the document's serials out of it."""
    blocks = FORMAT.read_text().split("## Worked example")[1].split("\n## ")[0].split("```\n")[1::2]
    line, long, code = (bytes.fromhex(block) for block in blocks)
    assert (len(line), len(long), len(code)) == (64, 25, 8)
    serial = bytes.fromhex("0123456789ABCDEF0123456789ABCDEF01234567")
    when = datetime(2026, 11, 19, tzinfo=UTC)
    built = build_index(
        Lineage("card-sign", "ab" * 32),
        {2: ListState(2, "ab" * 32, ListPresence.ACCEPTED, entries=2)},
        {2: record(143, 3, when) + record(serial, 3, when)},
        previous=None,
        release_holds=False,
        mixing_key=bytes(range(40)),
    )
    sections = read_file(b"".join(bytes(chunk) for chunk in built.chunks()))
    assert [sections["sections"][tag] for tag in (b"SHRT", b"LONG", b"CODE")] == [line, long, code]
    said = (3, 0, int(when.timestamp()), 2)
    assert sections["entries"] == {b"\x00\x8f": said, serial: said}


def test_the_tables_of_the_document_are_the_codes_structures() -> None:
    """Each table's sizes follow one another without a gap, and end where the code's structure does."""
    ends = []
    for table in re.findall(
        r"\| at \| size \| content \|\n\|---\|---\|---\|\n((?:\|.*\n)+)", FORMAT.read_text()
    ):
        if "*n*" in table:
            continue  # a line of entries: as many as fit beside their codes
        at = 0
        for row in table.splitlines():
            start, size = (int(cell) for cell in row.split("|")[1:3])
            assert start == at
            at += size
        ends.append(at)
    assert ends == [layout.HEADER.size, TAIL_OCTETS, layout.PARTITION.size, layout.CODE.size]


def test_the_sections_of_the_document_are_the_codes() -> None:
    """Tags in their order, and the octets of one record."""
    table = FORMAT.read_text().split("| tag | records | octets each | order |\n|---|---|---|---|\n")[1]
    rows = [[cell.strip() for cell in line.split("|")[1:5]] for line in table.split("\n\n")[0].splitlines()]
    assert tuple(row[0].strip("`").encode() for row in rows) == layout.SECTION_TAGS
    told = {row[0].strip("`"): row[2] for row in rows}
    assert told["LONG"] == f"{layout.LONG_OCTETS} and a code"
    assert [int(told[tag]) for tag in ("SHRT", "SGON", "LGON", "SMNY", "LMNY", "CODE", "PART")] == [
        layout.LINE_OCTETS,
        layout.SHORT_GONE_OCTETS,
        layout.LONG_GONE_OCTETS,
        layout.SHORT_MANY_OCTETS,
        layout.LONG_MANY_OCTETS,
        layout.CODE.size,
        layout.PARTITION.size,
    ]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 20), st.integers(0, (1 << 32) - 1), st.sampled_from([1, 900]))
def test_the_checksum_is_zlibs(octets: bytes, start: int, before: int, times: int) -> None:
    """Of octets at any address and of any length, alone and behind others, short and as long as a piece."""
    data = memoryview(octets * times)[start:]
    assert layout.checksum(data) == zlib.crc32(data)
    assert layout.checksum(data, before) == zlib.crc32(data, before)
