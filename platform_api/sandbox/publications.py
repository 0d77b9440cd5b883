"""Published list sets: signed once, stored whole, served from what is stored.

One file per publication: a JSON line that says what follows, then the lists' octets one after the other.
The journal's clock step stands before the file, so after a crash in between the file is written again from
the same register: the same octets, as their hash in the journal proves.
"""

from __future__ import annotations

import hashlib
import json
import mmap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from platform_api.sandbox.ca import CertificateAuthority, all_generations
from platform_api.sandbox.dates import parse_instant, wire
from platform_api.sandbox.durable import write_parts
from platform_api.sandbox.lists import LIFE, sign_list
from platform_api.sandbox.municipalities import MUNICIPALITIES
from platform_api.sandbox.refusals import FolderDamaged
from platform_api.sandbox.revoked import ListKey, Lists

#: Lists were published before day 0 too. Two of those nights are kept, so that an older list and an expired
#: one exist from the first day on (the number between them belongs to a night that nobody can ask for).
NIGHTS_BEFORE: Final = (3, 1)
_NUMBER_OF_DAY_0: Final = 1004
#: The line before the lists names each with its length.
_LONGEST_HEADER: Final = 1 << 20

Named = tuple[str, str]
"""(key_id of the generation in hex, municipality code)."""


def number_of_day(day: int) -> int:
    """The cRLNumber of all lists of one day, whatever the partition and the generation."""
    return _NUMBER_OF_DAY_0 + day


class SignedList:
    """One list as it is served: octets of the stored file, read and hashed when somebody asks."""

    __slots__ = ("_octets", "_sha256")

    def __init__(self, octets: bytes | memoryview, sha256: str | None = None) -> None:
        self._octets = octets
        self._sha256 = sha256

    @property
    def der(self) -> bytes:
        return bytes(self._octets)

    @property
    def sha256(self) -> str:
        if self._sha256 is None:
            self._sha256 = hashlib.sha256(self._octets).hexdigest()
        return self._sha256


@dataclass(frozen=True, slots=True)
class Publication:
    """All lists of one day."""

    day: int
    this_update: datetime
    entries: int
    lists: Mapping[Named, SignedList]

    @property
    def next_update(self) -> datetime:
        return self.this_update + LIFE


class Publications:
    """The folder of publications; ``hashes`` (by cRLNumber) come from the journal and must hold."""

    def __init__(self, folder: Path, authorities: Mapping[str, CertificateAuthority]) -> None:
        self._folder = folder
        self._authorities = authorities
        self.hashes: dict[int, str] = {}
        self._loaded: dict[int, Publication] = {}

    def publish(
        self, lists: Lists, day: int, this_update: datetime, signed: Callable[[int, str], None]
    ) -> Publication:
        """The publication of that day: loaded if stored, else signed, stored and noted by ``signed``."""
        lists.advance(this_update)
        number = number_of_day(day)
        known = self.hashes.get(number)
        if not self._path(number).exists():
            parts = self._sign(lists, day, this_update)
            digest = _hash_of(parts)
            if known is not None and known != digest:
                raise FolderDamaged(
                    f"lists number {number} would be signed a second time with other octets; "
                    "restore the folder from a copy, or use the version that wrote it"
                )
            write_parts(self._path(number), parts)
            del parts
        whole = self._map(number)
        digest = hashlib.sha256(whole).hexdigest()
        if known is not None and known != digest:
            raise FolderDamaged(
                f"lists number {number}: the stored octets are not those that were signed; "
                "delete the file, it is written again from the journal"
            )
        publication = _parse(whole, self._path(number).name)
        if known is None:
            signed(number, digest)
        if publication.this_update != this_update:
            raise FolderDamaged(
                f"lists number {number} are of {wire(publication.this_update)}, the journal says "
                f"{wire(this_update)}; restore the folder from a copy"
            )
        self._loaded = {day: publication}
        return publication

    def of_day(self, day: int) -> Publication:
        """An earlier publication, for the faults that serve old lists."""
        found = self._loaded.get(day)
        if found is None:
            found = self._load(number_of_day(day))
            self._loaded[day] = found
        return found

    def _load(self, number: int) -> Publication:
        whole = self._map(number)
        known = self.hashes.get(number)
        if known is not None and known != hashlib.sha256(whole).hexdigest():
            raise FolderDamaged(
                f"lists number {number}: the stored octets are not those that were signed; "
                "delete the file, it is written again from the journal"
            )
        return _parse(whole, self._path(number).name)

    def _map(self, number: int) -> memoryview:
        """The file's octets in the kernel's cache: a million residents' lists are a hundred megabytes."""
        path = self._path(number)
        with path.open("rb") as file:
            try:
                return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            except ValueError:
                raise FolderDamaged(
                    f"{path.name}: expected a whole set of lists, got an empty file; "
                    "delete it, it is written again from the journal"
                ) from None

    def _sign(self, lists: Lists, day: int, this_update: datetime) -> list[bytes]:
        """The file's parts, in order."""
        header: list[dict[str, object]] = []
        bodies: list[bytes] = []
        count = 0
        open_places = [place.code for place in MUNICIPALITIES if place.code not in lists.moved]
        for authority, generation in all_generations(self._authorities):
            for code in open_places:
                entries = lists.entries(ListKey(authority.ca_id, generation.number, code))
                der = sign_list(
                    authority,
                    generation,
                    code,
                    entries,
                    crl_number=number_of_day(day),
                    this_update=this_update,
                )
                header.append({"generation": generation.key_id, "municipality": code, "octets": len(der)})
                bodies.append(der)
                count += len(entries)
        head = {"day": day, "this_update": wire(this_update), "entries": count, "lists": header}
        return [json.dumps(head, separators=(",", ":")).encode() + b"\n", *bodies]

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:08d}.lists"


def _hash_of(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _parse(whole: memoryview, name: str) -> Publication:
    try:
        at = bytes(whole[:_LONGEST_HEADER]).index(b"\n") + 1
        head = json.loads(bytes(whole[: at - 1]))
        lists = {}
        for row in head["lists"]:
            lists[row["generation"], row["municipality"]] = SignedList(whole[at : at + row["octets"]])
            at += row["octets"]
        if at != len(whole):
            raise ValueError("lengths")
        return Publication(head["day"], parse_instant(head["this_update"]), head["entries"], lists)
    except (ValueError, KeyError, TypeError) as error:
        raise FolderDamaged(
            f"{name}: expected a whole set of lists; delete the file, it is written again from the journal"
        ) from error
