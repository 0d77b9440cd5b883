"""Each module stands on its own: the imports make no circle, so whatever comes first finds what it needs."""

from __future__ import annotations

import ast
import graphlib
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.test_direction import PRODUCT, ROOT, module_of

_COMPILED = re.compile(r"^(?:from (\S+) c?import|c?import (\S+))", re.MULTILINE)
_IMPORT_ALL = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"


def modules() -> dict[str, Path]:
    """Every module of the product, the compiled ones too, by its name."""
    found = (path for package in PRODUCT for path in (ROOT / package).rglob("*.py*"))
    return {module_of(path): path for path in found if path.suffix in (".py", ".pyx")}


def at_import(nodes: Iterable[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    """The statements that run when the module is imported; what only a type checker reads is none."""
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If):
            if "TYPE_CHECKING" not in ast.unparse(node.test):
                yield from at_import(node.body)
            yield from at_import(node.orelse)
        elif isinstance(node, ast.Try):
            handled = [statement for handler in node.handlers for statement in handler.body]
            yield from at_import([*node.body, *handled, *node.orelse, *node.finalbody])
        elif isinstance(node, ast.With | ast.ClassDef):
            yield from at_import(node.body)


def ancestors(module: str) -> set[str]:
    """The packages that it lies in."""
    return {module.rsplit(".", depth)[0] for depth in range(1, module.count(".") + 1)}


def needed_by(module: str, path: Path, known: dict[str, Path]) -> set[str]:
    """What of ours runs before this module has run: what it imports, and the packages around that."""
    text, named = path.read_text(encoding="utf-8"), set[str]()
    if path.suffix == ".pyx":
        named = {one or other for one, other in _COMPILED.findall(text)}
    else:
        for node in at_import(ast.parse(text).body):
            if isinstance(node, ast.Import):
                named |= {alias.name for alias in node.names}
                continue
            assert node.level == 0, f"{path}: imports are written in full"
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            named |= inside & set(known)
            if not inside <= set(known):
                named.add(node.module or "")
    around = {package for name in named for package in ancestors(name)}
    # Its own packages have begun already, and it takes nothing of them unless it names them.
    return ((named | (around - ancestors(module))) & set(known)) - {module}


def test_the_imports_make_no_circle() -> None:
    """There is an order in which each module finds everything ready; so any of them may come first."""
    known = modules()
    assert len(known) > 500
    graph = {module: needed_by(module, path, known) for module, path in known.items()}
    try:
        assert len(list(graphlib.TopologicalSorter(graph).static_order())) == len(known)
    except graphlib.CycleError as circle:
        pytest.fail(f"a circle of imports: {' <- '.join(circle.args[1])}")


@pytest.mark.parametrize("backwards", [False, True])
def test_every_module_imports(backwards: bool) -> None:
    """One after the other, from either end of the alphabet, with warnings as errors."""
    names = sorted((name for name in modules() if not name.endswith("__main__")), reverse=backwards)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _IMPORT_ALL, *names],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize(
    ("source", "needs"),
    [
        ("from revocation import clock", {"revocation.clock", "revocation"}),
        ("import revocation.crl.point", {"revocation.crl", "revocation.crl.point", "revocation"}),
        ("if TYPE_CHECKING:\n    from revocation import clock", set()),
        ("try:\n    import revocation\nexcept ImportError:\n    pass", {"revocation"}),
        ("def later():\n    import revocation", set()),
        ("from platform_api.db.database import Database", {"platform_api.db.database", "platform_api.db"}),
        ("from platform_api import keys", {"platform_api.keys"}),
    ],
)
def test_what_counts_as_an_import(source: str, needs: set[str], tmp_path: Path) -> None:
    """What runs at import, and the packages around it; not what a function or a type checker reads."""
    path = tmp_path / "sample.py"
    path.write_text(source)
    names = ("revocation", "revocation.clock", "revocation.crl", "revocation.crl.point", "platform_api",
             "platform_api.db", "platform_api.db.database", "platform_api.keys")  # fmt: skip
    assert needed_by("platform_api.sample", path, dict.fromkeys(names, path)) == needs
