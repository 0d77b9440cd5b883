"""What a sandbox was founded with; the first record of its journal, never changed afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from platform_api.sandbox.dates import parse_instant, wire
from platform_api.sandbox.refusals import FolderDamaged, StartRefused

VERSION: Final = 1
DEFAULT_SEED: Final = 1
DEFAULT_RESIDENTS: Final = 2000
FEWEST_RESIDENTS: Final = 20
MOST_RESIDENTS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Settings:
    """``founded_at`` fixes the CA certificates' dates; the world itself begins with the first played day."""

    seed: int
    residents: int
    founded_at: datetime
    keys_sha256: str

    def record(self) -> dict[str, Any]:
        return {
            "kind": "founded",
            "version": VERSION,
            "seed": self.seed,
            "residents": self.residents,
            "founded_at": wire(self.founded_at),
            "keys_sha256": self.keys_sha256,
        }


def choose_residents(residents: int | None) -> int:
    """How many people a new sandbox has."""
    chosen = DEFAULT_RESIDENTS if residents is None else residents
    if not FEWEST_RESIDENTS <= chosen <= MOST_RESIDENTS:
        raise StartRefused(
            f"expected {FEWEST_RESIDENTS} to {MOST_RESIDENTS} residents, got {chosen}; choose another number"
        )
    return chosen


def founded(record: Mapping[str, Any], seed: int | None, residents: int | None) -> Settings:
    """The settings of an existing sandbox, which must be those that are asked for, if any are."""
    if record.get("kind") != "founded" or record.get("version") != VERSION:
        raise FolderDamaged(
            f"the journal does not begin with a founding of version {VERSION}; "
            "use a new folder, or the version of this program that wrote it"
        )
    founded_at = parse_instant(record["founded_at"])
    settings = Settings(record["seed"], record["residents"], founded_at, record["keys_sha256"])
    for name, asked, found in (
        ("seed", seed, settings.seed),
        ("residents", residents, settings.residents),
    ):
        if asked is not None and asked != found:
            raise StartRefused(
                f"this folder holds a sandbox with {name} {found}, got {name} {asked}; "
                f"leave the option out, or choose another folder"
            )
    return settings
