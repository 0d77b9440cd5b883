"""The scanner of a batch's body against ``json``: it takes what the parser takes, and the same numbers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from platform_api.problems import Problem
from platform_api.status._serial_numbers import cut_serial_numbers, member_count
from platform_api.status.batch_bodies import MOST_ITEMS, BatchCheckRequest, read_batch
from revocation.errors import InputRefused
from revocation.identity import serial_from_hex
from revocation.statuses import serial_at, serial_count

digits = st.text("0123456789abcdefABCDEF", min_size=1, max_size=64)
short = st.text("0123456789abcdefABCDEF", min_size=1, max_size=17)
serials = st.lists(st.one_of(short, short, digits), min_size=1, max_size=40)
spaces = st.text(" \t\r\n", max_size=3)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


def written(octets: bytes) -> list[bytes] | None:
    """The scanner's serials, as octets of DER INTEGERs."""
    cut = cut_serial_numbers(octets, MOST_ITEMS)
    if cut is None:
        return None
    start, end, found = cut
    assert found is not None
    assert octets[start : start + 1] == b"["
    assert octets[end - 1 : end] == b"]"
    return [serial_at(found, at) for at in range(serial_count(found))]


def by_hand(octets: bytes) -> list[bytes] | None:
    """The same by Python's json and ``serial_from_hex``; None where one of them refuses."""
    try:
        texts = json.loads(octets)["serial_numbers"]
        return [serial_from_hex(text) for text in texts]
    except (ValueError, KeyError, TypeError, InputRefused):
        return None


def wide(text: str) -> bool:
    return int(text, 16) >= 1 << 159


@settings(max_examples=400, deadline=None)
@given(
    texts=serials,
    before=st.dictionaries(st.text(max_size=6), values, max_size=3),
    after=st.dictionaries(st.text(max_size=6), values, max_size=3),
    space=spaces,
)
@example(texts=["7" + 39 * "f", "0" * 64], before={}, after={}, space="")
@example(texts=["8" + 39 * "0"], before={}, after={}, space="")
@example(texts=["f" * 16, "0" * 17, "1" + "0" * 16], before={}, after={}, space="")
def test_every_list_of_digits(
    texts: list[str], before: dict[str, Any], after: dict[str, Any], space: str
) -> None:
    """Any digits anywhere in any object: taken exactly where ``serial_from_hex`` takes each of them."""
    before.pop("serial_numbers", None)
    after.pop("serial_numbers", None)
    members = [
        *(f"{json.dumps(name, ensure_ascii=False)}:{json.dumps(value)}" for name, value in before.items()),
        f'"serial_numbers"{space}:{space}[{space}'
        + f"{space},{space}".join(f'"{text}"' for text in texts)
        + f"{space}]{space}",
        *(f"{json.dumps(name, ensure_ascii=False)}:{json.dumps(value)}" for name, value in after.items()),
    ]
    octets = f"{space}{{{space}{','.join(members)}{space}}}{space}".encode()
    found = written(octets)
    if any(map(wide, texts)):
        assert found is None
    elif not any("\\" in json.dumps(name, ensure_ascii=False) for name in (*before, *after)):
        assert found == [serial_from_hex(text) for text in texts] == by_hand(octets)


START = (
    b'{"purpose":"current_status_check","ca_id":"a","x":"\\"]}","serial_numbers":["bfcd","00","0011223344'
    b'55667788","7fffffffffffffffffffffffffffffffffffffff"],"max_age_s":[{"y":[1,"serial_numbers"]}]}'
)


@settings(max_examples=1500, deadline=None)
@given(data=st.data())
def test_octets_changed_added_and_taken_away(data: st.DataObject) -> None:
    """Mutated bodies: never a crash; and whatever is taken is, with the rest, what the parser reads."""
    octets = bytearray(START)
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(octets)))
        kind = data.draw(st.sampled_from(["replace", "insert", "delete", "cut"]))
        octet = data.draw(st.sampled_from(b'"\\[]{},: 0fFgG\x00\x80\xff') | st.integers(0, 255))
        if kind == "insert":
            octets.insert(at, octet)
        elif kind == "cut":
            del octets[at:]
        elif at < len(octets):
            octets[at : at + 1] = bytes([octet]) if kind == "replace" else b""
    body = bytes(octets)
    cut = cut_serial_numbers(body, MOST_ITEMS)
    if cut is None:
        return
    try:
        json.loads(body[: cut[0]] + b"[]" + body[cut[1] :])
    except ValueError:
        assert by_hand(body) is None  # what the parser refuses of the rest, it refuses of the whole
    else:
        assert written(body) == by_hand(body)


@settings(max_examples=500, deadline=None)
@given(
    items=st.lists(st.one_of(digits, st.text(max_size=4), st.none(), st.integers(0, 9)), max_size=6),
    ascii_only=st.booleans(),
)
def test_the_whole_reader_against_the_model(items: list[Any], ascii_only: bool) -> None:
    """``read_batch`` takes exactly the bodies that the model takes, and gives the numbers that they spell."""
    body = {"purpose": "current_status_check", "ca_id": "a", "serial_numbers": items}
    octets = json.dumps(body, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    try:
        model = BatchCheckRequest.model_validate_json(octets)
    except ValidationError:
        with pytest.raises(Problem):
            read_batch(octets)
        return
    asked = read_batch(octets)
    assert [serial_at(asked.serials, at) for at in range(serial_count(asked.serials))] == [
        serial_from_hex(text) for text in model.serial_numbers
    ]


@settings(max_examples=300, deadline=None)
@given(text=digits)
def test_the_pattern_is_what_an_identity_takes(text: str) -> None:
    """The model's pattern and ``serial_from_hex`` agree on every string of digits."""
    try:
        serial_from_hex(text)
    except InputRefused:
        takes = False
    else:
        takes = True
    octets = json.dumps({"purpose": "current_status_check", "ca_id": "a", "serial_numbers": [text]}).encode()
    try:
        read_batch(octets)
    except Problem:
        assert not takes
    else:
        assert takes


@settings(max_examples=200, deadline=None)
@given(
    members=st.dictionaries(st.text(max_size=4), values, max_size=8), most=st.integers(0, 10), data=st.data()
)
def test_members_are_counted(members: dict[str, Any], most: int, data: st.DataObject) -> None:
    """Of every object the right number, however it is spelled; of anything else some number, and no crash."""
    ascii_only = data.draw(st.booleans())
    octets = json.dumps(
        members, ensure_ascii=ascii_only, indent=data.draw(st.sampled_from([None, 1]))
    ).encode()
    assert member_count(octets, most) == min(most, len(members))
    assert member_count(octets[: data.draw(st.integers(0, len(octets)))], most) <= most


def test_no_more_than_asked_for() -> None:
    """One item more than is allowed is for the parser, which says so."""
    octets = b'{"serial_numbers":["1","2","3"]}'
    assert cut_serial_numbers(octets, 2) == (18, 31, None)
    assert cut_serial_numbers(octets[:-2], 2) is None
    long = f'{{"serial_numbers":["1","{"f" * 20}","3"],"x":1}}'.encode()
    assert cut_serial_numbers(long, 2) == (18, len(long) - 7, None)
    assert written(octets) == [b"\x01", b"\x02", b"\x03"]


def test_every_length_of_what_is_cut_off() -> None:
    """A body that ends anywhere is never taken, and nothing behind it is looked at."""
    for length in range(len(START)):
        assert cut_serial_numbers(START[:length], MOST_ITEMS) is None
    assert written(START) is not None
