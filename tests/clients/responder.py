"""The responder under test, as the process that an operator starts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.clients.cases import Trust
from tests.clients.certificates import Folder
from tests.clients.running import line_of, started

_ROOT = Path(__file__).parents[2]


@contextmanager
def start_responder(folder: Folder, trust: Trust) -> Iterator[int]:
    """Answers at ``/ocsp`` of the port that is given, for the CA of this folder, by the signer of this mode."""
    log = folder.path / f"responder-{trust}.log"
    command = (sys.executable, "-m", "tests.clients.standin", folder.path, folder.kind, trust)
    with started(*command, log=log, cwd=_ROOT) as process:
        line = line_of(process)
        assert line.isdigit(), log.read_text()
        yield int(line)
