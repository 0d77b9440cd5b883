"""What befalls a CA or a municipality instead of a person: a key roll, a merger. Journalled like all acts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from platform_api.sandbox.ca import CertificateAuthority
from platform_api.sandbox.dates import parse_instant, wire
from platform_api.sandbox.keys import Algorithm, load_key, make_key, store_key
from platform_api.sandbox.municipalities import BY_CODE
from platform_api.sandbox.refusals import RequestRefused

if TYPE_CHECKING:
    from platform_api.sandbox.world import World

#: What becomes of the merged municipality's entries: its lists go on, or the successor's say everything.
Entries = Literal["kept", "moved"]


def _now(world: World) -> datetime:
    _, publication = world.begun()
    earliest = publication.this_update + timedelta(seconds=1)
    return max(world.clock.now().replace(microsecond=0), earliest)


def roll(world: World, ca_id: str, algorithm: Algorithm | None) -> dict[str, Any]:
    """A new key of that CA: from now on it issues, and each generation goes on signing its own lists."""
    at = _now(world)
    authority = world.authorities.get(ca_id)
    if authority is None:
        raise RequestRefused(404, "NO_SUCH_CA", f"expected one of {', '.join(world.authorities)}")
    key = make_key(authority.newest.algorithm if algorithm is None else algorithm)
    name = f"{ca_id}-{len(authority.generations) + 1}.pem"
    # Before the commit the file is nobody's: another start that rolls writes another one over it.
    sha256 = store_key(world.folder / name, key, ca_id)
    record = {"kind": "roll", "ca_id": ca_id, "at": wire(at), "file": name, "sha256": sha256}
    rolled: CertificateAuthority = world.keep(record)
    return {
        "ca_id": ca_id,
        "at": wire(at),
        "generations": [generation.key_id for generation in rolled.generations],
        "certificate": rolled.newest.pem,
    }


def apply_roll(world: World, record: Mapping[str, Any]) -> CertificateAuthority:
    authority = world.authorities[record["ca_id"]]
    key = load_key(world.folder / record["file"], record["sha256"])
    serial = next(world.serials[authority.ca_id])
    authority.roll(key, at=parse_instant(record["at"]), serial=serial)
    return authority


def merge(world: World, municipality_code: str, into: str, entries: Entries) -> dict[str, Any]:
    """One municipality becomes a part of another. Live certificates keep the old distribution point.

    Everybody's address gets the successor's name without a revocation (a minor correction by ordinance);
    new certificates carry the successor's distribution point.
    """
    register, _ = world.begun()
    at = _now(world)
    for code in (municipality_code, into):
        if code not in BY_CODE or code in register.mergers:
            raise RequestRefused(
                422, "NO_SUCH_MUNICIPALITY", "expected two municipalities that were not merged into others"
            )
    if municipality_code == into:
        raise RequestRefused(422, "SAME_MUNICIPALITY", "expected another municipality as the successor")
    found: dict[str, Any] = world.keep(
        {
            "kind": "merger",
            "municipality_code": municipality_code,
            "into": into,
            "entries": entries,
            "at": wire(at),
        }
    )
    return found


def apply_merger(world: World, record: Mapping[str, Any]) -> dict[str, Any]:
    register, _ = world.begun()
    code, into = record["municipality_code"], record["into"]
    register.mergers[code] = into
    if record["entries"] == "moved":
        register.lists.move(code, into)
    return {
        "municipality_code": code,
        "into": into,
        "entries": record["entries"],
        "at": record["at"],
        "partition": BY_CODE[code].partition,
        "successor": BY_CODE[into].partition,
    }
