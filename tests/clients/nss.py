"""A certificate database of NSS for each CA, with the CA trusted and the responders' certificates known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.clients.cases import Kind, Trust
from tests.clients.certificates import Folder
from tests.clients.running import run


def databases(root: Path, folders: Mapping[Kind, Folder]) -> dict[Kind, str]:
    """NSS's name of each database; in it the responders are called "local" and "delegated"."""
    made = {}
    for kind, folder in folders.items():
        path = root / kind
        path.mkdir()
        made[kind] = f"sql:{path}"
        _certutil(kind, made, "-N", "--empty-password")
        _certutil(kind, made, "-A", "-n", "ca", "-t", "CT,,", "-a", "-i", folder.ca)
        # Self-signed: NSS takes it for a signer only if it is trusted in itself.
        for trust, flags in ((Trust.LOCAL, "CT,,"), (Trust.DELEGATED, ",,")):
            _certutil(kind, made, "-A", "-n", trust, "-t", flags, "-a", "-i", folder.signer(trust))
    return made


def _certutil(kind: Kind, made: Mapping[Kind, str], *arguments: object) -> None:
    done = run("certutil", "-d", made[kind], *arguments)
    assert done.code == 0, done.output
