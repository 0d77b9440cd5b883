"""The responder under test, as the process that an operator starts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.clients.cases import Trust
from tests.clients.certificates import Folder
from tests.clients.running import started

_ROOT = Path(__file__).parents[2]


@contextmanager
def start_responder(folder: Folder, trust: Trust) -> Iterator[int]:
    """Yields its port; it answers at ``/ocsp`` for this folder's CA, by the signer of this mode."""
    log = folder.path / f"responder-{trust}.log"
    command = (sys.executable, "-m", "tests.clients.standin", folder.path, folder.kind, trust)
    with started(*command, log=log, cwd=_ROOT) as program:
        line = program.line()
        assert line.isdigit(), log.read_text()
        yield int(line)
