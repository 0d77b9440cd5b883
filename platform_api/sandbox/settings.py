"""What a sandbox was founded with; the first record of its journal, never changed afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Final

from platform_api.sandbox.dates import parse_instant, wire
from platform_api.sandbox.keys import Algorithm
from platform_api.sandbox.kinds import ALL, CARD_SIGN, CaProfile, profiles
from platform_api.sandbox.refusals import FolderDamaged, StartRefused

#: Version 2: four kinds of certificates; the seed's lives changed, so that a folder of version 1 is refused.
VERSION: Final = 2
FEWEST_RESIDENTS: Final = 20
MOST_RESIDENTS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Chosen:
    """What may be chosen for a new sandbox; None leaves it to the default.

    On an existing folder what is given must be what the folder was founded with.
    """

    seed: int | None = None
    residents: int | None = None
    phone_shares_ca: bool | None = None
    card_algorithm: Algorithm | None = None
    kinds: tuple[str, ...] | None = None


_DEFAULTS: Final[dict[str, Any]] = {
    "seed": 1,
    "residents": 2000,
    "phone_shares_ca": False,
    "card_algorithm": Algorithm.RSA,
    "kinds": ALL,
}


@dataclass(frozen=True, slots=True)
class Settings:
    """``founded_at`` fixes the CA certificates' dates; the world itself begins with the first played day."""

    seed: int
    residents: int
    phone_shares_ca: bool
    card_algorithm: Algorithm
    kinds: tuple[str, ...]
    founded_at: datetime
    keys_sha256: str

    @property
    def profiles(self) -> tuple[CaProfile, ...]:
        return profiles(self.kinds, phone_shares_ca=self.phone_shares_ca)

    def record(self) -> dict[str, Any]:
        return {
            "kind": "founded",
            "version": VERSION,
            **asdict(self),
            "founded_at": wire(self.founded_at),
        }


def choose(chosen: Chosen) -> dict[str, Any]:
    """The settings of a new sandbox, apart from its time and keys."""
    found = {
        name: default if (given := getattr(chosen, name)) is None else given
        for name, default in _DEFAULTS.items()
    }
    if not FEWEST_RESIDENTS <= found["residents"] <= MOST_RESIDENTS:
        raise StartRefused(
            f"expected {FEWEST_RESIDENTS} to {MOST_RESIDENTS} residents, got {found['residents']}; "
            "choose another number"
        )
    found["kinds"] = ordered_kinds(found["kinds"])
    return found


def ordered_kinds(kinds: Iterable[str]) -> tuple[str, ...]:
    wanted = set(kinds)
    if not wanted <= set(ALL) or CARD_SIGN not in wanted:
        raise StartRefused(f"expected kinds among {', '.join(ALL)}, {CARD_SIGN} with them; choose others")
    return tuple(kind for kind in ALL if kind in wanted)


def founded(record: Mapping[str, Any], chosen: Chosen) -> Settings:
    """The settings of an existing sandbox, which must be those that are asked for, if any are."""
    if record.get("kind") != "founded" or record.get("version") != VERSION:
        raise FolderDamaged(
            f"the journal does not begin with a founding of version {VERSION}; "
            "use a new folder, or the version of this program that wrote it"
        )
    settings = Settings(
        seed=record["seed"],
        residents=record["residents"],
        phone_shares_ca=record["phone_shares_ca"],
        card_algorithm=Algorithm(record["card_algorithm"]),
        kinds=tuple(record["kinds"]),
        founded_at=parse_instant(record["founded_at"]),
        keys_sha256=record["keys_sha256"],
    )
    for field in fields(Chosen):
        asked, found = getattr(chosen, field.name), getattr(settings, field.name)
        if field.name == "kinds" and asked is not None:
            asked = ordered_kinds(asked)
        if asked is not None and asked != found:
            raise StartRefused(
                f"this folder holds a sandbox with {field.name} {_said(found)}, "
                f"got {field.name} {_said(asked)}; leave the option out, or choose another folder"
            )
    return settings


def _said(value: object) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)
