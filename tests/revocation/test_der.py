"""The strict reader of single elements, against asn1crypto and by rule."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from asn1crypto import core
from hypothesis import given, settings
from hypothesis import strategies as st

from revocation.der import OCTET_STRING, SEQUENCE, DerReader
from revocation.errors import InputRefused
from tests.pki import der_int, der_oid, tlv


def refused(content: bytes, read: Callable[[DerReader], object]) -> str:
    with pytest.raises(InputRefused) as caught:
        read(DerReader(content))
    assert "byte offset" in caught.value.got
    return caught.value.code


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "DER_TRUNCATED"),
        (b"\x04", "DER_TRUNCATED"),
        (b"\x04\x01", "DER_TRUNCATED"),
        (b"\x04\x82\x01", "DER_TRUNCATED"),
        (b"\x04\x84\xff\xff\xff\xff", "DER_TRUNCATED"),
        (b"\x04\x80\x00\x00", "DER_LENGTH"),
        (b"\x04\x81\x01\x00", "DER_LENGTH"),
        (b"\x04\x82\x00\x81" + bytes(0x81), "DER_LENGTH"),
        (b"\x04\x89" + b"\x01" * 20, "DER_LENGTH"),
        (b"\x05\x00", "DER_TAG"),
    ],
)
def test_elements_that_are_none(content: bytes, code: str) -> None:
    """X.690 sections 8.1.3 and 10.1: truncated, indefinite, not the shortest, too long, another tag."""
    assert refused(content, lambda reader: reader.element(OCTET_STRING, "x")) == code


def test_high_tag_numbers_are_refused() -> None:
    """Nothing in a list has one."""
    assert refused(b"\x1f\x81\x01\x00", lambda reader: reader.header("x")) == "DER_TAG"


@pytest.mark.parametrize("size", [0, 1, 127, 128, 255, 256, 65535, 65536])
def test_every_form_of_length(size: int) -> None:
    """Short and long forms, exactly on their boundaries; never past the end of the parent."""
    reader = DerReader(tlv(0x04, bytes(size)) + b"\x05\x00")
    start, end = reader.element(OCTET_STRING, "x")
    assert end - start == size
    assert reader.peek() == 0x05
    inner = DerReader(tlv(0x04, bytes(size)), 0, 1 + (size > 127))
    with pytest.raises(InputRefused):
        inner.element(OCTET_STRING, "x")


@settings(deadline=None)
@given(st.integers(min_value=-(1 << 159), max_value=(1 << 159) - 1))
def test_integers_agree_with_asn1crypto(value: int) -> None:
    """Both signs, up to 20 octets."""
    assert DerReader(core.Integer(value).dump()).integer("x") == value


@settings(deadline=None)
@given(
    st.integers(0, 2),
    st.integers(0, 39),
    st.lists(st.integers(min_value=0, max_value=1 << 40), max_size=6),
)
def test_object_identifiers_agree_with_asn1crypto(first: int, second: int, rest: list[int]) -> None:
    """Dotted text both ways, arcs of any size; 2.x may have a second arc over 39."""
    dotted = ".".join(map(str, [first, second, *rest]))
    assert DerReader(core.ObjectIdentifier(dotted).dump()).oid("x") == dotted
    assert DerReader(der_oid("2.999.1")).oid("x") == "2.999.1"


@pytest.mark.parametrize("content", [b"", b"\x80", b"\x2a\x80", b"\x2a\x80\x01", b"\x2a" * 65])
def test_object_identifiers_that_are_none(content: bytes) -> None:
    """Empty, incomplete, not the fewest octets, unreasonably long."""
    assert refused(tlv(0x06, content), lambda reader: reader.oid("x")) == "DER_OID"


def test_integers_and_booleans_that_are_none() -> None:
    """X.690 sections 8.3.2 and 11.1."""
    for content in (b"", b"\x00\x7f", b"\xff\x80", b"\x01" * 21):
        assert refused(tlv(0x02, content), lambda reader: reader.integer("x")) == "DER_INTEGER"
    for content in (b"", b"\x01", b"\xff\xff"):
        assert refused(tlv(0x01, content), lambda reader: reader.boolean("x")) == "DER_BOOLEAN"


def test_nothing_may_be_left_over() -> None:
    """The offset of the first octet too many is named."""
    reader = DerReader(tlv(SEQUENCE, der_int(1) + b"\x05\x00"))
    inner = reader.enter(SEQUENCE, "x")
    inner.integer("x")
    with pytest.raises(InputRefused, match="byte offset 5"):
        inner.finish("x")
    reader.finish("x")


@pytest.mark.parametrize(("at", "end"), [(-1, 3), (2, 1), (0, 5), (5, 5), (-2, -1)])
def test_offsets_outside_the_buffer_are_a_mistake(at: int, end: int) -> None:
    """Nobody may be given a reader that looks past its octets."""
    with pytest.raises(ValueError, match="inside the buffer"):
        DerReader(b"\x04\x02\x05\x00", at, end)


@pytest.mark.parametrize("length", [(1 << 64) - 1, 1 << 63, (1 << 63) - 1, 1 << 32])
def test_a_length_beyond_every_buffer_is_said_as_it_stands(length: int) -> None:
    """Eight octets of length, however great their number: too long, and the refusal says it."""
    octets = length.to_bytes(8, "big").lstrip(b"\0")
    with pytest.raises(InputRefused) as caught:
        DerReader(b"\x30\x04\x04" + bytes([0x80 | len(octets)]) + octets, 2).element(OCTET_STRING, "x")
    assert caught.value.code == "DER_TRUNCATED"
    assert f"length {length} at byte offset 3" in caught.value.got


@settings(deadline=None)
@given(st.binary(max_size=40), st.data())
def test_readers_of_readers_stay_inside(content: bytes, data: st.DataObject) -> None:
    """Whatever the octets and the questions: an answer lies between the offsets, or the element is refused;
    bytes and a view of them are read alike."""
    end = data.draw(st.integers(0, len(content)))
    readers = [DerReader(content, 0, end), DerReader(memoryview(content), 0, end)]
    for _ in range(5):
        before = readers[0].at
        asked = data.draw(st.sampled_from(["header", "enter", "raw", "integer", "boolean", "oid", "time"]))
        tag = data.draw(st.sampled_from([0x02, 0x04, 0x30, max(readers[0].peek(), 0)]))
        answers: list[object] = []
        for number, reader in enumerate(readers):
            try:
                if asked == "enter":
                    readers[number] = inner = reader.enter(tag, "x")
                    assert before <= inner.at <= inner.end <= reader.end <= end
                    answers.append((inner.at, inner.end))
                elif asked == "raw":
                    answers.append(reader.raw(tag, "x"))
                    assert answers[-1] == content[before : reader.at]
                else:
                    answers.append(getattr(reader, asked)("x"))
                assert before <= readers[number].at <= readers[number].end <= end
            except InputRefused as refusal:
                answers.append(str(refusal))
        assert answers[0] == answers[1]


def test_octets_stay_for_as_long_as_somebody_reads_them() -> None:
    """An inner reader holds the buffer: it cannot be let go of, or resized, under it."""
    octets = bytearray(b"\x30\x02\x05\x00")
    view = memoryview(octets)
    inner = DerReader(view).enter(SEQUENCE, "x")
    with pytest.raises(BufferError):
        view.release()
    assert inner.raw(0x05, "x") == b"\x05\x00"
    del inner
    view.release()
    octets.clear()
