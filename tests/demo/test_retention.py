"""The search for what should be gone finds what was planted, in every spelling, and nothing by chance."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_api.db.embedded import EmbeddedPostgres
from platform_api.demo.needles import Needles, as_encoded
from platform_api.demo.retention import CONTROLS, controls_missed, hits_in, search
from tests.base.postgres import TestDatabase

ADDRESS = "東京都清瀬市観布子南１２－７－２０２"
NAME = "黒桐　幹也"
FAMILY = "佐藤鈴木高橋田中伊渡辺山本村小林加吉口松井上木清水崎森池"
GIVEN = "大翔蓮健一誠隆浩二直樹拓也輔幹和夫正雄勇茂博進昭翼陽菜結衣"

texts = st.tuples(
    st.text(FAMILY, min_size=1, max_size=3), st.just("　"), st.text(GIVEN, min_size=2, max_size=3)
).map("".join)


@pytest.mark.parametrize("way", CONTROLS)
@settings(max_examples=15, deadline=None)
@given(text=texts, before=st.binary(max_size=40), after=st.binary(max_size=40))
def test_each_spelling_is_found(way: str, text: str, before: bytes, after: bytes) -> None:
    """A name spelled in any of these ways is found, whatever octets stand around it.

    Around base64, hexadecimal and escapes stands something that does not continue them."""
    octets = before + b"\x00 " + CONTROLS[way](text) + b" \x00" + after
    assert hits_in(octets, Needles([text]))


#: Of one, two and three octets in the encodings, and of two units in UTF-16.
mixed = st.text("A -é佐藤鈴１－丂ｱ𠮷", min_size=4, max_size=14)


@settings(max_examples=300)
@given(
    sought=st.lists(mixed, min_size=1, max_size=4),
    there=st.lists(mixed, max_size=3),
    before=st.binary(max_size=5),
    encoding=st.sampled_from(["utf-8", "utf-16-le", "utf-16-be", "cp932", "euc-jp"]),
)
def test_cutting_down_loses_and_invents_nothing(
    sought: list[str], there: list[str], before: bytes, encoding: str
) -> None:
    """Whatever is sought, and whatever stands at any offset: as many are found as when each one, and the end
    of each long one, is looked for in all octets.
    """
    octets = before
    for text in [*there, *sought[:1]]:
        with contextlib.suppress(UnicodeEncodeError):
            octets += b"\x01" + as_encoded(text, encoding)
    expected = {}
    for each in ("utf-8", "utf-16-le", "utf-16-be", "cp932", "euc-jp"):
        spelled = set()
        for text in {*sought, *(text[-9:] for text in sought if len(text) > 12)}:
            with contextlib.suppress(UnicodeEncodeError):
                spelled.add((text, as_encoded(text, each)))
        expected[each] = sum(1 for _, one in spelled if one in octets)
    assert Needles(sought).found_in(octets) == {name: hits for name, hits in expected.items() if hits}


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("before", [0, 15, 16, 17, 64])
@pytest.mark.parametrize("after", [0, 14, 15, 16, 17, 64])
def test_zeros_around_a_text_cost_none_of_its_own(
    tmp_path: Path, encoding: str, before: int, after: int
) -> None:
    """A file that begins and ends with zeros, of a text whose own first or last octet is one, in UTF-16."""
    text = "A佐藤大B"
    (tmp_path / "page").write_bytes(bytes(before) + text.encode(encoding) + bytes(after))
    assert search([tmp_path], Needles([text])).hits[encoding] == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "cp932", "euc-jp"])
def test_the_shortest_name_in_hexadecimal_and_base64(encoding: str) -> None:
    """Four characters of two octets and more, alone."""
    octets = as_encoded("佐藤大翔", encoding)
    assert hits_in(b" " + octets.hex().encode() + b" ", Needles(["佐藤大翔"])) == {"hexadecimal": 1}
    assert hits_in(b" " + base64.b64encode(octets) + b" ", Needles(["佐藤大翔"])) == {"base64": 1}


def test_what_stands_plainly_is_no_escape() -> None:
    """A name in UTF-8 beside an escape of something else is one finding, and the same in escapes another."""
    escaped = CONTROLS["json escapes"]
    assert hits_in(NAME.encode() + escaped("あいうえ"), Needles([NAME])) == {"utf-8": 1}
    assert hits_in(NAME.encode() + escaped(NAME), Needles([NAME])) == {"utf-8": 1, "json escapes": 1}


@settings(max_examples=60, deadline=None)
@given(noise=st.binary(max_size=4000))
def test_noise_is_nothing(noise: bytes) -> None:
    """Random octets hold no delivered name or address."""
    assert not hits_in(noise, Needles([ADDRESS, NAME]))


def test_an_address_cut_by_a_page_is_found_by_its_end(tmp_path: Path) -> None:
    """The end of an address alone, which has the house number, counts."""
    (tmp_path / "page").write_bytes(b"\x00\x01" + ADDRESS[-9:].encode() + b"\x00")
    found = search([tmp_path], Needles([ADDRESS]))
    assert (found.files, found.total, found.places) == (1, 1, {"page"})


def test_every_control_is_found_and_none_is_left(tmp_path: Path) -> None:
    """What the demo plants before it believes its search is found in every way, and goes again."""
    assert controls_missed(tmp_path, ADDRESS) == []
    assert controls_missed(tmp_path, NAME) == []
    assert list(tmp_path.iterdir()) == []


def test_what_is_left_out_is_not_read(tmp_path: Path) -> None:
    """The demo's own record of what was received, beside the service's folder, is no finding."""
    (tmp_path / "received").mkdir()
    (tmp_path / "received" / "fetches").write_text(ADDRESS)
    assert search([tmp_path], Needles([ADDRESS]), leave_out=frozenset({tmp_path / "received"})).total == 0
    assert search([tmp_path], Needles([ADDRESS])).places == {"fetches"}


@pytest.mark.parametrize("column", ["text", "bytea"])
async def test_a_row_of_the_database_is_found(
    database: TestDatabase, cluster: EmbeddedPostgres, tmp_path: Path, column: str
) -> None:
    """A name in a row, also of a deleted one, is found in the database's files, however it was written."""
    name = "検査　" + "".join(GIVEN[octet % len(GIVEN)] for octet in os.urandom(5))
    async with database.superuser() as connection:
        await connection.execute(f"CREATE TABLE planted (value {column})")
        for spell in CONTROLS.values():
            octets = spell(name)
            try:
                value: object = octets if column == "bytea" else octets.decode()
            except UnicodeDecodeError:
                continue
            if isinstance(value, str) and "\x00" in value:
                continue
            await connection.execute("INSERT INTO planted VALUES ($1)", value)
        await connection.execute("DELETE FROM planted")
        await connection.execute("CHECKPOINT")
        number = await connection.fetchval("SELECT oid FROM pg_database WHERE datname = current_database()")
    files = cluster.folder.cluster / "base" / str(number)
    found = await asyncio.to_thread(search, [files], Needles([name]))
    assert found.hits["utf-8"]
    assert found.hits["json escapes"]
    assert found.hits["base64"]
    if column == "bytea":
        assert {"utf-16-le", "utf-16-be", "cp932", "euc-jp", "compressed"} <= set(found.hits)
