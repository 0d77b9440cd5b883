"""The responder under test: ``jpki responder``, as an operator starts it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.clients.cases import Trust
from tests.clients.certificates import SERIAL_CEILING, Folder
from tests.clients.running import started

_ROOT = Path(__file__).parents[2]


@contextmanager
def start_responder(folder: Folder, trust: Trust) -> Iterator[int]:
    """Yields its port; it answers at ``/ocsp`` for this folder's CA, by the signer of this mode."""
    log = folder.path / f"responder-{trust}.log"
    command = [sys.executable, "-m", "platform_api.cli", "responder", "--port", "0", "--json", "--anonymous"]
    files = ["--ca", folder.ca, "--crl", folder.crl]
    signer = ["--signer", folder.signer(trust), "--signer-key", folder.signer_key(trust)]
    ceiling = ["--serial-ceiling", f"{SERIAL_CEILING:X}"]
    with started(*command, *files, *signer, *ceiling, log=log, cwd=_ROOT) as program:
        line = program.line()
        assert line.startswith("{"), log.read_text() + line
        yield int(json.loads(line)["port"])
