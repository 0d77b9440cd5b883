"""Each fault and each bad input that an issue names has a test of that name; moving files loses none."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

_TESTS = Path(__file__).parent
_NAME = re.compile(r"test_(t\d\d|item_\d\d)_\w+\Z")

#: Issues 02 to 06: faults T.. and the list of bad inputs, of OCSP (1 to 45) and of lists.
FAULTS = (
    *("t03", "t04", "t05", "t06", "t08", "t10", "t12", "t13", "t17", "t19", "t21", "t22", "t23", "t28"),
    *("t01", "t02", "t15", "t16", "t18"),
    *("t39", "t40", "t41", "t42", "t43"),
    *("t07", "t09", "t11", "t44", "t45", "t46", "t47", "t48", "t49", "t50", "t63", "t64"),
)
ITEMS = tuple(range(1, 78))


@cache
def _tests() -> list[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    found = []
    for path in sorted(_TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (match := _NAME.match(node.name)):
                found.append((match[1], node))
    return found


@pytest.mark.parametrize("case", [*FAULTS, *(f"item_{number:02}" for number in ITEMS)])
def test_every_named_case_has_its_test_and_a_claim(case: str) -> None:
    """A test has the case's number in its name, says what it claims, and may not be skipped."""
    found = [node for name, node in _tests() if name == case]
    assert found, f"no test_{case}_..."
    for node in found:
        assert ast.get_docstring(node), node.name
    ordinary = [node for node in found if "skip" not in "".join(map(ast.unparse, node.decorator_list))]
    assert ordinary, f"every test of {case} may be skipped"
