"""SIGKILL at each stage of a cycle, and the same again."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys

import pytest

from revocation.ingest import Outcome
from revocation.snapshot.store import SnapshotStore
from tests.pki import entry
from tests.revocation.nights import KEY, Night

_KILL_AT = ["fetch 2", "accept 1", "accept 4", "publish 0", "publish 5", "keep 2", "remember"]

_SCRIPT = """
import asyncio, os, signal, sys
from pathlib import Path
from revocation.authorities import Authorities
from revocation.clock import FixedClock
from revocation.crl.archive import ListArchive
from revocation.crl.fetch import FolderSource
from revocation.ingest import ingest_cycle
from revocation.snapshot.store import SnapshotStore
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from datetime import datetime

folder, at, now = Path(sys.argv[1]), sys.argv[2], datetime.fromisoformat(sys.argv[3])

def reached(where):
    if where == at:
        os.kill(os.getpid(), signal.SIGKILL)

class Archive(ListArchive):
    kept = 0
    def keep(self, *arguments, **named):
        self.kept += 1
        reached(f"keep {self.kept}")
        return super().keep(*arguments, **named)
    def remember(self, stored):
        reached("remember")
        super().remember(stored)

authorities = Authorities.load(folder / "authorities.json")
inbox = folder / "inbox"
files = {s: inbox / f"{s.signing_key[:8]}-{s.partition_number}.crl" for s in authorities.expected_lists()}
store = SnapshotStore(
    folder / "snapshots", publisher_key=Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
)
asyncio.run(ingest_cycle(
    authorities, FolderSource(files), store, FixedClock(now), archive=Archive(folder / "archive"),
    progress=lambda stage, done, total: reached(f"{stage} {done}"),
))
"""


@pytest.mark.parametrize("at", _KILL_AT)
def test_killed_anywhere_and_run_again(night: Night, at: str) -> None:
    """SIGKILL at each stage, then the same again: one set, the same lists and entries."""
    night.serve(0, {night.scopes[0]: [entry(7)]})
    asyncio.run(night.run())
    night.serve(1, {night.scopes[0]: [entry(7), entry(8, reason=3)]})
    night.authorities.dump(night.folder / "authorities.json")
    arguments = [sys.executable, "-c", _SCRIPT, str(night.folder), at, night.clock.now().isoformat()]
    killed = subprocess.run(arguments, check=False, timeout=60, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr

    report = asyncio.run(night.run())
    # Of the publish: two entries, two files, the commit.
    committed_before = at in {"publish 5", "keep 2", "remember"}
    assert report.outcome is (Outcome.NOTHING_NEW if committed_before else Outcome.PUBLISHED)
    snapshot = SnapshotStore(night.folder / "snapshots", publisher_key=KEY).current()
    assert snapshot is not None
    assert (snapshot.seq, snapshot.entries, snapshot.partial) == (2, 2, False)
    assert {state.crl_number for state in snapshot.lists.values()} == {2}
    assert not night.archive.incoming.exists()
    assert len(night.archive.stored()) == 4
