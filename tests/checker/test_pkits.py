"""NIST PKITS sections 4.4, 4.5, 4.7.4-5, 4.14, 4.15: other people's chains and lists, each with its outcome.

``pkits.json`` says which files (of the package cryptography-vectors) make a case, and what NIST expects.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import cryptography_vectors
import pytest

from revocation.checker import Case, Verdict, check
from revocation.checker.refusing import SECTIONS

_FILES = Path(cryptography_vectors.__file__).parent
CASES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "pkits.json").read_text(encoding="utf-8"))


def _read(names: list[str]) -> list[bytes]:
    return [(_FILES / one).read_bytes() for one in names]


def _verdict(case: dict[str, Any], lists: list[str]) -> Verdict:
    return check(
        Case(
            trust=_read(case["trust"]),
            intermediates=_read(case["intermediates"]),
            lists=_read(lists),
            certificate=(_FILES / case["cert"]).read_bytes(),
            at=datetime.fromisoformat(case["at"]),
        )
    )


def test_every_case_is_here() -> None:
    """76 cases of the sections that are about lists, each number once."""
    numbers = [case["test"] for case in CASES]
    assert len(numbers) == len(set(numbers)) == 76
    sections = {number.rsplit(".", 1)[0] for number in numbers}
    assert sections == {"4.4", "4.5", "4.7", "4.14", "4.15"}


@pytest.mark.parametrize("case", CASES, ids=[case["test"] for case in CASES])
def test_pkits(case: dict[str, Any]) -> None:
    """The outcome that NIST expects, whatever the order of the lists; the reason names a rule with its
    section.
    """
    found = _verdict(case, case["crls"])
    assert found.status in case["expect"].split("|"), (case["why"], found.why)
    assert "RFC 5280 section" in found.why
    assert _verdict(case, case["crls"][::-1]).status == found.status


@pytest.mark.parametrize("case", CASES, ids=[case["test"] for case in CASES])
def test_no_list_fewer_says_good(case: dict[str, Any]) -> None:
    """Without one of its lists a case does not turn good, unless it was a delta; without any it never is."""
    whole = _verdict(case, case["crls"]).status
    for left_out in case["crls"]:
        found = _verdict(case, [one for one in case["crls"] if one != left_out])
        if found.status == "good" and whole != "good":
            # A delta revokes what its complete list does not: without it nobody can know.
            assert "delta" in left_out, (left_out, found.why)
    assert _verdict(case, []).status in {"unknown", "path-invalid"}


def test_sections_are_named_for_every_rule() -> None:
    """Each rule has an RFC and a section."""
    for code, section in SECTIONS.items():
        assert section.startswith("RFC "), code
