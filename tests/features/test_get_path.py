"""The request in a GET path: the compiled reader and Python's own libraries agree on every text."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from platform_api.ocsp.get_path import request_in_path
from tests.features.get_path_oracle import request_by_the_library
from tests.features.request_heads import UNTIMED

#: Its base64 has every octet that may be encoded: ``+``, ``/``, ``//`` and ``=``.
DER = bytes.fromhex("30fb") + bytes(range(249, 256)) * 6 + b"\x3e\x3f" + b"\xff" * 6 + b"\x00\x01\x02"
PLAIN = b64encode(DER).decode()

SPELLINGS = {
    "encoded": quote(PLAIN, safe=""),
    "plus alone": quote(PLAIN, safe="/="),
    "lower-case escapes": quote(PLAIN, safe="").replace("%2F", "%2f").replace("%2B", "%2b"),
    "bare": PLAIN,
    "a space for a plus": PLAIN.replace("+", " "),
    "an encoded space for a plus": PLAIN.replace("+", "%20"),
    "no padding": PLAIN.rstrip("="),
    "more padding": PLAIN + "===",
    "base64url": urlsafe_b64encode(DER).decode(),
    "base64url without padding": urlsafe_b64encode(DER).decode().rstrip("="),
    "encoded twice": quote(quote(PLAIN, safe=""), safe=""),
    "every character encoded": "".join(f"%{ord(one):02X}" for one in PLAIN),
    "a query behind it": quote(PLAIN, safe="") + "?x=1&y=%3F",
}

REFUSED = {
    "nothing": "",
    "a query alone": "?",
    "a file name": "favicon.ico",
    "one character": "A",
    "one over a quantum": "MAMAM",
    "a percent sign": "%",
    "no escape": "%zz",
    "half an escape": "MA%2",
    "not ASCII": "é",
    "padding alone": "=",
    "padding inside": "MA==MA==",
    "an encoded question mark": "MA%3Fx",
    "encoded three times": quote(quote(quote("MA+/", safe=""), safe=""), safe=""),
    "a line end": "MAMA\n",
    "too long": "M" * 8196,
    "one character too long": "M" * 8192 + "=",
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_item_39_every_spelling_means_the_same_octets(name: str) -> None:
    """bad-inputs.md, item 39: whatever can only mean one thing is taken as that."""
    assert all(one in PLAIN for one in ("+", "/", "//", "="))
    assert request_in_path(SPELLINGS[name]) == DER


@pytest.mark.parametrize("size", [254, 255, 256, 8191, 8192])
def test_item_39_lengths_around_the_limits(size: int) -> None:
    """255 is a limit of clients alone (RFC 9919 section 5); 8,192 characters are the most."""
    text = "M" * (size - size % 4) + "=" * (size % 4)
    assert request_in_path(text) == request_by_the_library(text) is not None


@pytest.mark.parametrize("name", REFUSED)
def test_item_39_other_texts_mean_nothing(name: str) -> None:
    """What is no base64 in any of these spellings is not repaired."""
    assert request_in_path(REFUSED[name]) is None
    assert request_by_the_library(REFUSED[name]) is None


_SPELLING = st.sampled_from(
    [
        *"+/=-_ ?%AQgz09\n\x00é",
        "%2B",
        "%2f",
        "%3D",
        "%3d%3D",
        "%20",
        "%252B",
        "%25",
        "%2",
        "%%",
        "%4a",
        "%C3",
        "MA==",
    ]
)
_ENCODED = st.binary(max_size=40).map(lambda octets: b64encode(octets).decode())


@given(
    st.text(max_size=60)
    | st.lists(_SPELLING, max_size=20).map("".join)
    | st.lists(_SPELLING | _ENCODED | _ENCODED.map(quote), max_size=6).map("".join)
)
@settings(UNTIMED)
@example("\ud800MA")
@example("MA?é")
def test_every_text_is_read_as_the_library_reads_it(text: str) -> None:
    """The same octets, or nothing in both, and never an exception."""
    assert request_in_path(text) == request_by_the_library(text)


def test_every_octet_at_every_place_of_a_quantum() -> None:
    """All 256 code points, bare and as an escape, at each of four places and before padding."""
    for number in range(256):
        for one in (chr(number), f"%{number:02x}", f"%25{number:02X}"):
            for place in range(5):
                text = "MAMAMAMA"[:place] + one + "MAMAMAMA"[place + 1 :]
                assert request_in_path(text) == request_by_the_library(text), text
                text = text[:3] + one
                assert request_in_path(text) == request_by_the_library(text), text
