"""The library stands alone: a client package can take the folder as it is."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import platform_api.differences

FOLDER = Path(platform_api.differences.__file__).parent


def test_it_imports_the_standard_library_and_itself_only() -> None:
    """Every import, wherever it stands, names a module of Python's own or of this folder."""
    seen = 0
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0
                names = [node.module or ""]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                continue
            for name in names:
                seen += 1
                own = name.startswith("platform_api.differences")
                assert own or name.split(".")[0] in sys.stdlib_module_names, (path.name, name)
    assert seen > 20


def test_it_works_without_what_we_have_installed() -> None:
    """In a Python without site-packages: it imports, and compares."""
    program = (
        "from platform_api.differences import Person, Text, differences\n"
        "print(differences(Person(name=Text('高橋')), Person(name=Text('髙橋'))).overall)\n"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-W", "error", "-c", program],
        cwd=FOLDER.parents[1],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PYTHONPATH": str(FOLDER.parents[1]), "PYTHONIOENCODING": "utf-8"},
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "NOTATION_ONLY"), done.stderr[-2000:]
