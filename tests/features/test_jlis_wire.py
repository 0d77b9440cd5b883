"""The readers of J-LIS's JSON, fuzzed: a whole answer or JLIS_ANSWER_MALFORMED, whatever the octets are."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.jlis import wire
from platform_api.jlis.gateway import (
    ConsentReflection,
    FourInformationAnswer,
    LinkageAnswer,
    LinkageOutcome,
    QueryOutcome,
)
from revocation.errors import OutsideFailed
from tests.features.test_jlis_http import DATA

READERS: dict[str, Callable[[bytes], Any]] = {
    "authorities": wire.read_authorities,
    "partitions": wire.read_partitions,
    "reflection": wire.read_reflection,
    "receipt": wire.read_withdrawal_receipt,
    "withdrawals": wire.read_withdrawals,
    "linkage": wire.read_linkage,
    "answer": wire.read_answer,
}
AT = "2026-11-20T01:00:00Z"
WHOLE: dict[str, Any] = {
    "authorities": {
        "authorities": [
            {
                "ca_id": "card-sign",
                "crl_signing": "each_generation",
                "kinds": {"1.2": "card-sign"},
                "certificates": ["pem"],
                "serial_ceiling": 300,
            }
        ]
    },
    "partitions": {
        "partitions": [
            {
                "partition": 1,
                "municipality_code": "131016",
                "distribution_point": "MAA=",
                "label": "Chiyoda-ku",
                "lists": [{"generation": "ab", "url": "/x.crl"}],
            }
        ]
    },
    "reflection": {
        "consent_ref": "r-1",
        "received_at": AT,
        "reflected_at": AT,
        "valid_from": "2026-11-20T15:00:00Z",
        "valid_until": "2036-11-20T14:59:59Z",
        "items": ["name"],
        "withdrawn_at": None,
    },
    "receipt": {"consent_ref": "r-1", "received_at": AT, "reflected_at": AT},
    "withdrawals": {
        "withdrawals": [{"consent_ref": "r-1", "service_code": "s", "reflected_at": AT}],
        "cursor": "7",
        "as_of": AT,
        "more": False,
    },
    "linkage": {"outcome": "LINKED", "certificate": DATA["certificate"]},
    "answer": DATA,
}


def read(name: str, octets: bytes) -> Any:
    """The answer; None for the one permitted refusal. Anything else fails the test."""
    refused: OutsideFailed | None = None
    try:
        return READERS[name](octets)
    except OutsideFailed as error:
        refused = error
    assert refused.code == "JLIS_ANSWER_MALFORMED"
    assert refused.__cause__ is None
    assert refused.__context__ is None or refused.__suppress_context__
    assert "黒桐" not in str(refused)
    return None


def sound(name: str, found: Any) -> None:
    """What a reader gives is never half an answer."""
    if isinstance(found, FourInformationAnswer):
        data = found.outcome is QueryOutcome.DATA
        assert (found.items is not None, found.certificate is not None) == (data, data)
        assert not data or found.as_of is not None
    elif isinstance(found, LinkageAnswer):
        assert (found.outcome is LinkageOutcome.LINKED) == (found.certificate is not None)
    elif isinstance(found, ConsentReflection):
        times = {at is None for at in (found.reflected_at, found.valid_from, found.valid_until)}
        assert len(times) == 1
    else:
        assert found is not None, name


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        ["DATA", "LINKED", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "00", AT, ""]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def bent(draw: st.DrawFn) -> tuple[str, bytes]:
    """A whole answer with some of its places replaced, removed, doubled or surrounded."""
    name = draw(st.sampled_from(sorted(WHOLE)))
    whole = json.loads(json.dumps(WHOLE[name]))
    for _ in range(draw(st.integers(0, 3))):
        place = whole
        while isinstance(place, dict | list) and place:
            keys = sorted(place) if isinstance(place, dict) else range(len(place))
            key = draw(st.sampled_from(list(keys)))
            if draw(st.booleans()) or not isinstance(place[key], dict | list):
                if draw(st.integers(0, 3)) == 0:
                    del place[key]
                else:
                    place[key] = draw(JUNK)
                break
            place = place[key]
    octets = json.dumps(whole, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
    return name, draw(st.sampled_from([b"", b" ", octets, b"\x00", b"\xef\xbb\xbf"])) + octets


@given(bent())
def test_t40_bent_answers(pair: tuple[str, bytes]) -> None:
    """Never another exception than the one, never half an answer."""
    name, octets = pair
    found = read(name, octets)
    if found is not None:
        sound(name, found)


@given(st.sampled_from(sorted(READERS)), st.binary(max_size=200))
def test_t40_any_octets(name: str, octets: bytes) -> None:
    """Octets that are no JSON are no answer either."""
    found = read(name, octets)
    if found is not None:
        sound(name, found)


@given(st.sampled_from(sorted(WHOLE)), st.data())
def test_t40_an_answer_cut_anywhere_is_none(name: str, data: st.DataObject) -> None:
    """Each shorter part of a whole answer is refused, and the whole is read."""
    octets = json.dumps(WHOLE[name]).encode()
    sound(name, READERS[name](octets))
    assert read(name, octets[: data.draw(st.integers(0, len(octets) - 1))]) is None


def changed(**items: Any) -> bytes:
    return json.dumps({**DATA, "items": DATA["items"] | items}).encode()


def of_certificate(**fields: Any) -> bytes:
    return json.dumps({**DATA, "certificate": DATA["certificate"] | fields}).encode()


@pytest.mark.parametrize(
    "octets",
    [
        changed(name="黒\x00桐"),
        changed(name="黒\u0085桐"),
        changed(name="黒桐\n"),
        changed(name="黒" * 1001),
        changed(address="東" * 10_000_000),
        changed(name=""),
        changed(gender="1" * 9),
        changed(moved_abroad_on=20_000),
        changed(moved_abroad_on="tomorrow"),
        changed(name="\ud800"),
        json.dumps(DATA).encode() * 2,
        json.dumps(DATA).encode().replace(b'"outcome"', b'"outcome": "NO_NEW_CERTIFICATE", "outcome"', 1),
        json.dumps(DATA).encode().replace(b'"gender"', b'"gender": "1", "gender"', 1),
        json.dumps({**DATA, "as_of": 1_764_000_000}).encode(),
        json.dumps({**DATA, "as_of": "1764000000"}).encode(),
        json.dumps({**DATA, "as_of": "0001-01-01T00:00:00+14:00"}).encode(),
        json.dumps({**DATA, "certificate": DATA["certificate"] | {"partition": "7"}}).encode(),
        json.dumps({**DATA, "certificate": DATA["certificate"] | {"partition": True}}).encode(),
        json.dumps(
            {**DATA, "certificate": DATA["certificate"] | {"not_after": "2026-11-20T00:00:00Z"}}
        ).encode(),
        json.dumps({**DATA, "certificate": DATA["certificate"] | {"serial_number": "ab" * 40}}).encode(),
        json.dumps({**DATA, "more": float("nan")}).encode(),
        b"[" * 100_000,
        b'{"outcome":' * 50_000,
        json.dumps(DATA).encode("utf-16"),
    ],
    ids=range(24),
)
def test_t40_refused_whole(octets: bytes) -> None:
    """NUL and other controls, overlong and empty texts, two documents, a member twice, numbers for times."""
    assert read("answer", octets) is None


def test_t40_substitute_characters_and_unknown_fields_are_read() -> None:
    """Flags of a wrong length are kept as they came (unreliable); a field that J-LIS added is no fault."""
    octets = json.dumps(
        {**DATA, "new": {"x": [1]}, "items": DATA["items"] | {"name_substitute_characters": "0", "new": 1}}
    ).encode()
    found = wire.read_answer(octets)
    assert found.items is not None
    assert found.items.name is not None
    assert found.items.name.substitute_characters == "0"
    assert found.as_of == datetime(2026, 11, 21, tzinfo=UTC)


def place(name: str, **fields: Any) -> bytes:
    return json.dumps({**WHOLE[name], **fields}).encode()


@pytest.mark.parametrize(
    ("name", "octets"),
    [
        ("reflection", place("reflection", items=["name", "colour"])),
        ("reflection", place("reflection", reflected_at=None)),
        ("reflection", place("reflection", valid_until=None)),
        ("reflection", place("reflection", valid_until="2026-11-20T15:00:00Z")),
        ("reflection", place("reflection", consent_ref="")),
        ("linkage", place("linkage", certificate=None)),
        ("linkage", place("linkage", outcome="NONE")),
        ("withdrawals", place("withdrawals", cursor=None)),
        ("withdrawals", place("withdrawals", more="no")),
        ("withdrawals", place("withdrawals", cursor="x" * 5000)),
        ("partitions", json.dumps(WHOLE["partitions"]).encode().replace(b"MAA=", b"MA!=")),
        ("partitions", json.dumps(WHOLE["partitions"]).encode().replace(b"/x.crl", b"file:///etc/passwd")),
        ("authorities", json.dumps(WHOLE["authorities"]).encode().replace(b"300", b"-1")),
    ],
    ids=range(13),
)
def test_t40_what_does_not_hold_together(name: str, octets: bytes) -> None:
    """Times that go with each other, known items, a certificate with LINKED only, an address of a server."""
    assert read(name, octets) is None
