"""Remove sets that nobody needs any more; who still needs one (detection, history) says which."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from revocation.errors import OwnFault
from revocation.snapshot.current import load_manifest
from revocation.snapshot.durable import Disk, disk_errors
from revocation.snapshot.names import index_files, manifest_numbers, manifest_path, read_pointer


def remove_before(
    disk: Disk, folder: Path, keep_from_seq: int, trusted: Sequence[Ed25519PublicKey]
) -> tuple[int, ...]:
    """Remove the sets below ``keep_from_seq``, never the published one; needs the lock. Their numbers.

    Manifests go first: a crash in between leaves index files that no manifest names, which the next run
    removes. A file that a kept manifest names stays, whichever set wrote it. Readers that hold a removed
    set go on: their files stay mapped.
    """
    with disk_errors("RETENTION_FAILED", "old sets"):
        pointer = read_pointer(folder)
        if pointer is None:
            return ()
        keep_from = min(keep_from_seq, pointer.seq)
        numbers = manifest_numbers(folder)
        doomed = tuple(seq for seq in numbers if seq < keep_from)
        needed: set[str] = set()
        for seq in numbers:
            if seq >= keep_from:
                try:
                    needed.update(file.name for file in load_manifest(folder, seq, trusted).files)
                except OwnFault:
                    return ()  # a manifest that cannot be read may name any file: remove nothing
        for seq in doomed:
            disk.remove(manifest_path(folder, seq))
        disk.sync_folder(folder)
        for seq, path in index_files(folder):
            if seq < keep_from and path.name not in needed:
                disk.remove(path)
    return doomed
