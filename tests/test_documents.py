"""Documents point at files; a file that moves must not leave them behind."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]
_WHERE = ("*.md", "revocation/**/*.md", "benchmarks/*.md")
_DOCUMENTS = sorted(path for where in _WHERE for path in _ROOT.glob(where))
_ROOMS = "tests|revocation|platform_api|benchmarks|deploy"
_PATH = re.compile(rf"\b((?:{_ROOMS})/[\w/.-]+\.(?:py|pyx|md|sh|toml|json))\b")


@pytest.mark.parametrize("document", _DOCUMENTS, ids=lambda path: str(path.relative_to(_ROOT)))
def test_every_file_that_a_document_names_exists(document: Path) -> None:
    """Whoever follows a document finds the test or the module that it speaks of."""
    named = set(_PATH.findall(document.read_text(encoding="utf-8")))
    assert not sorted(name for name in named if not (_ROOT / name).is_file())
