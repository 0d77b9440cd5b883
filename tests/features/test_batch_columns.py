"""The writer of a batch's columns against ``json``: words, rows, reasons and dates of every kind."""

from __future__ import annotations

import json
from array import array
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from platform_api.status._columns import columns
from revocation.index import layout
from revocation.reasons import REASON_ABSENT, reason_name

WORDS = ["GOOD", "REVOKED", "UNKNOWN", "NOT_FOUND"]
groups = st.tuples(st.sampled_from(WORDS), st.sampled_from([None, b",0", b",4294967295,null,null,null"]))


def text_of(seconds: int) -> str:
    """RFC 3339, as pydantic writes a time in UTC."""
    moment = layout.moment(seconds)
    assert moment is not None
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z".rjust(20, "0")


@settings(max_examples=300, deadline=None)
@given(
    known=st.lists(st.tuples(groups, st.booleans()), min_size=1, max_size=6),
    items=st.lists(
        st.tuples(
            st.integers(0, 5),
            st.integers(0, 255),
            st.one_of(st.integers(-(1 << 63) + 1, (1 << 63) - 1), st.integers(-(10**11), 3 * 10**11)),
        ),
        max_size=120,
    ),
)
@example(known=[(("REVOKED", b",0"), True)], items=[(0, 6, -62_135_596_800), (0, 6, 253_402_300_799)])
@example(known=[(("REVOKED", b",0"), True)], items=[(0, 6, -62_135_596_801), (0, 6, 253_402_300_800)])
def test_against_json(
    known: list[tuple[tuple[str, bytes | None], bool]], items: list[tuple[int, int, int]]
) -> None:
    """Every item has its word, and its row where its group has one, in order."""
    which = [group % len(known) for group, _, _ in items]
    listed = [is_listed and row is not None for (_, row), is_listed in known]
    octets = columns(
        b'{"statuses":',
        array("I", which),
        array("B", [reason for _, reason, _ in items]),
        array("q", [date for _, _, date in items]),
        [f'"{word}"'.encode() for (word, _), _ in known],
        [row for (_, row), _ in known],
        listed,
    )
    rows: list[list[Any]] = []
    for at, (group, (_, reason, date)) in enumerate(zip(which, items, strict=True)):
        row = known[group][0][1]
        if row is not None:
            rows.append(json.loads(b"[%d%b]" % (at, row)))
            if listed[group]:
                code = None if reason == REASON_ABSENT else reason
                rows[-1] += [code, reason_name(reason), text_of(date)]
    assert json.loads(octets) == {"statuses": [known[group][0][0] for group in which], "details": rows}


def test_what_does_not_fit_is_refused() -> None:
    """Groups that are not known, columns that are too short, texts that are too long: never written."""
    none, word = array("B"), [b'"GOOD"']
    with pytest.raises(ValueError, match="known"):
        columns(b"", array("I", [1]), none, array("q"), word, [None], [False])
    with pytest.raises(ValueError, match="reason"):
        columns(b"", array("I", [0]), none, array("q"), word, [b",0"], [True])
    with pytest.raises(ValueError, match="as many"):
        columns(b"", array("I", [0]), none, array("q"), word, [], [False])
    with pytest.raises(ValueError, match="shorter"):
        columns(b"", array("I", [0]), none, array("q"), [b'"' + b"x" * 15 + b'"'], [None], [False])
