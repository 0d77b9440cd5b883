"""REFUSALS.md says of each code what the code says of itself; neither can change without the other."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from revocation.authorities import Tolerance

_ROOT = Path(__file__).parents[2]
_CRL = _ROOT / "revocation" / "crl"
_CODE = re.compile(r"[A-Z]+(_[A-Z0-9]+)+\Z")
_ROW = re.compile(r"\| `([A-Z0-9_]+)` \| (.+?) \| (?:`([a-z0-9_]+)`)? ?\|")
_QUOTED = re.compile(r'"([A-Z]+(?:_[A-Z0-9]+)+)"')
_MODULES = [
    _ROOT / "revocation" / "_der.pyx",
    _ROOT / "revocation" / "distinguished_names.py",
    *(
        _CRL / f"{name}.py"
        for name in (
            "accept",
            "algorithms",
            "decode",
            "distribution_points",
            "extensions",
            "general_names",
            "issuers",
            "refusals",
            "scope",
            "signer",
            "sniff",
            "verify",
        )
    ),
]


def _constants(paths: list[Path]) -> set[str]:
    compiled = [path.read_text(encoding="utf-8") for path in paths if path.suffix == ".pyx"]
    paths = [path for path in paths if path.suffix == ".py"]
    return {code for text in compiled for code in _QUOTED.findall(text)} | {
        node.value
        for path in paths
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _CODE.match(node.value)
    }


def _rows() -> list[tuple[str, str, str]]:
    text = (_CRL / "REFUSALS.md").read_text(encoding="utf-8")
    rows = _ROW.findall(text)
    assert len(rows) == sum(line.startswith("| `") for line in text.splitlines())
    return rows


def test_the_table_names_every_code_once() -> None:
    """No code without a row, no row without a code, in order within each section."""
    codes = [code for code, _, _ in _rows()]
    assert len(codes) == len(set(codes))
    assert set(codes) == _constants(_MODULES)


def test_the_table_names_every_tolerance() -> None:
    """Each tolerance lets one rule pass; a new one needs its row."""
    assert {tolerance for _, _, tolerance in _rows() if tolerance} == {str(one) for one in Tolerance}


@pytest.mark.parametrize("code", sorted(_constants(_MODULES)))
def test_every_code_is_provoked(code: str) -> None:
    """Some test of this folder expects it by name."""
    here = Path(__file__)
    tests = [path for path in here.parent.glob("test_*.py") if path != here]
    assert any(f'"{code}"' in path.read_text(encoding="utf-8") for path in tests)
