"""Were sets published here that are gone? Told by this folder alone, for commands that ask no database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_api.faults import SetupRefused
from revocation.crl.archive import ListArchive
from revocation.snapshot.names import CURRENT, manifest_numbers

if TYPE_CHECKING:
    from platform_api.config import Settings


def sets_gone(settings: Settings) -> SetupRefused | None:
    """Why "nothing is published yet" would be wrong, though there is no ``CURRENT``. Blocking.

    The archive remembers lists only after a set with them was published. Keys prove nothing: they are made
    at the first start. A folder that went back to an older set is found by the night, which asks the
    database; so is one that was lost together with its archive.
    """
    folder = settings.snapshots_dir
    # As in ``newest_good``: a first manifest without CURRENT was never committed; later ones are looked into.
    if (folder / CURRENT).exists() or manifest_numbers(folder) not in ([], [1]):
        return None
    if not ListArchive(settings.archive_dir).stored():
        return None
    return SetupRefused(
        "SNAPSHOTS_LOST",
        expected="the published sets in the folder snapshots/: the archive has lists that were in one",
        got="none",
        remedy="restore the folder snapshots/ from its newest backup; if there is none: "
        "jpki nightly --rebuild-lost-sets --by NAME",
    )
