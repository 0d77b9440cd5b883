"""The world: everything that the sandbox knows, rebuilt from its journal by the very functions that live it.

Synchronous and single-threaded by contract: the HTTP side calls it in one worker thread.
Each change is first checked, then journalled (fsync: the commit), then applied. A crash before the commit
leaves nothing; after it, the next start applies the record.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

from platform_api.sandbox.acts import Options
from platform_api.sandbox.ca import CertificateAuthority
from platform_api.sandbox.certificates import CertificateMaker
from platform_api.sandbox.clock import SandboxClock
from platform_api.sandbox.consents import Consents
from platform_api.sandbox.dates import parse_instant, wire
from platform_api.sandbox.founding import found_authorities, found_or_find, numbered_past
from platform_api.sandbox.jlis_settings import JlisSettings
from platform_api.sandbox.journal import Journal, Record
from platform_api.sandbox.keys import SIGNATURE_ALGORITHMS, Keys, algorithm_of, sign
from platform_api.sandbox.kinds import CARD_SIGN
from platform_api.sandbox.life import live
from platform_api.sandbox.life_log import LifeLog
from platform_api.sandbox.municipalities import BY_CODE
from platform_api.sandbox.names import FourInformation
from platform_api.sandbox.performing import check, perform
from platform_api.sandbox.publications import NIGHTS_BEFORE, Publication, Publications
from platform_api.sandbox.refusals import FolderDamaged, RequestRefused
from platform_api.sandbox.register import IssuedCertificate, Register, Resident
from platform_api.sandbox.responders import Responders
from platform_api.sandbox.settings import Chosen, Settings
from platform_api.sandbox.withdrawals import Withdrawals
from platform_api.sandbox.world_acts import apply_merger, apply_roll
from revocation.clock import Clock

DAY: Final = timedelta(days=1)
#: The first played day lies at most this far before the founding: the CA certificates begin before its past.
_FURTHEST_BACK: Final = timedelta(days=365)
#: What GET /sandbox/v1/residents calls a resident.
RESIDENT_ID: Final = re.compile(r"r-([0-9]{6,7})\Z")


class World:
    """One sandbox, open. ``register`` is None until the first day is played."""

    def __init__(self, folder: Path, journal: Journal, settings: Settings, keys: Keys, base: Clock) -> None:
        self.folder = folder
        self._journal = journal
        self.settings = settings
        self.keys = keys
        self.clock = SandboxClock(base)
        self._numbering = numbered_past(settings, keys)
        self.authorities = found_authorities(settings, keys, self._numbering)
        self.serials = {
            ca_id: itertools.count(self._numbering.next_serial(ca_id)) for ca_id in self.authorities
        }
        self.maker = CertificateMaker(self.authorities, keys, seed=settings.seed)
        self.publications = Publications(folder / "publications", self.authorities)
        self.life_log = LifeLog(self.authorities)
        self.consents = Consents()
        self.withdrawals = Withdrawals(self.consents)
        self.jlis_settings = JlisSettings()
        self.responders = Responders(self.authorities)
        self.register: Register | None = None
        self.publication: Publication | None = None
        self.auto = False
        self._acts = 0
        self._broken = False
        self._last_answer: dict[str, Any] = {}

    @classmethod
    def open(cls, folder: Path, chosen: Chosen, *, base: Clock) -> World:
        """Founds a sandbox in an empty folder, or rebuilds the one that is there."""
        (folder / "publications").mkdir(exist_ok=True)
        journal = Journal(folder / "journal.jsonl")
        try:
            settings, keys = found_or_find(folder, journal, chosen, base.now())
            world = cls(folder, journal, settings, keys, base)
            world._replay()
        except BaseException:
            journal.close()
            raise
        return world

    def close(self) -> None:
        self._journal.close()

    def _replay(self) -> None:
        records = list(self._journal.records)
        self.publications.hashes.update(
            (record["number"], record["sha256"]) for record in records if record["kind"] == "signed"
        )
        for record in records[1:]:
            self._apply(record)

    def _commit(self, record: Record) -> Any:
        """The append is the commit: before it nothing happened, after it a restart would do the same."""
        if self._broken:
            raise FolderDamaged("an earlier change was written down but not finished; restart the sandbox")
        self._journal.append(record)
        self._broken = True
        applied = self._apply(record)
        self._broken = False
        return applied

    def _apply(self, record: Record) -> Any:
        """Does what a record says; live and in replay."""
        match record["kind"]:
            case "played":
                return self._apply_day(record)
            case "act":
                return self._apply_act(record)
            case "consent":
                return self.consents.enter(record)
            case "withdrawal":
                return self.withdrawals.enter(record)
            case "jlis_settings":
                self.jlis_settings = self.jlis_settings.changed(
                    {name: value for name, value in record.items() if name != "kind"}
                )
                return None
            case "responder":
                return self.responders.enter(record, self.serials)
            case "auto":
                self.auto = record["enabled"]
                return None
            case "roll":
                return apply_roll(self, record)
            case "merger":
                return apply_merger(self, record)
            case "signed":
                return None
            case kind:
                raise FolderDamaged(
                    f"the journal holds a record of kind {kind!r}; use the program's version that wrote it"
                )

    # --- days -------------------------------------------------------------------------------------

    @property
    def day(self) -> int | None:
        return None if self.publication is None else self.publication.day

    def play(self, this_update: datetime) -> dict[str, Any]:
        """Lives until ``this_update``, publishes all lists with it and sets the clock to it."""
        this_update = this_update.replace(microsecond=0)
        last = self.publication
        if last is not None and this_update == last.this_update:
            return self._last_answer
        if this_update > self.clock.real_now():
            raise RequestRefused(
                409, "THIS_UPDATE_IN_FUTURE", "expected a this_update not after now; no clock runs ahead"
            )
        if last is not None and this_update < last.this_update:
            raise RequestRefused(
                409,
                "NOT_LATER_THAN_LAST",
                f"expected a this_update after {wire(last.this_update)}, the last one; play a later day",
            )
        if this_update < self.settings.founded_at - _FURTHEST_BACK:
            raise RequestRefused(
                409,
                "TOO_FAR_BACK",
                f"expected a first day at most {_FURTHEST_BACK.days} days before the sandbox was founded",
            )
        offset_us = self.clock.offset_for(this_update, first=last is None)
        record = {"kind": "played", "this_update": wire(this_update), "offset_us": offset_us}
        answer: dict[str, Any] = self._commit(record)
        return answer

    def _apply_day(self, record: Mapping[str, Any]) -> dict[str, Any]:
        this_update = parse_instant(record["this_update"])
        last = self.publication
        lived = 0
        if self.register is None or last is None:
            day = 0
            self.register = Register(
                self.authorities,
                self._numbering,
                self.serials,
                begins_at=this_update,
                filled_upto=this_update - NIGHTS_BEFORE[0] * DAY,
            )
            for night in NIGHTS_BEFORE:
                before = this_update - night * DAY
                self.publications.publish(self.register.lists, -night, before, self._note_signed)
        else:
            day = last.day + 1
            unlisted = len(self.life_log)
            for event in live(
                self.register, seed=self.settings.seed, day=day, since=last.this_update, until=this_update
            ):
                self.life_log.append(event)
            lived = len(self.life_log) - unlisted
        publication = self.publications.publish(self.register.lists, day, this_update, self._note_signed)
        self.life_log.listed(day, this_update)
        # The clock first: for a moment the lists are a day old, but none of the future is ever served.
        self.clock.step(record["offset_us"])
        self.publication = publication
        self._last_answer = {
            "day": day,
            "this_update": wire(this_update),
            "lists": len(publication.lists),
            "entries": publication.entries,
            "life_events": lived,
        }
        return self._last_answer

    def _note_signed(self, number: int, sha256: str) -> None:
        self._journal.append({"kind": "signed", "number": number, "sha256": sha256})
        self.publications.hashes[number] = sha256

    def missed_day(self) -> datetime | None:
        """The thisUpdate that the sandbox owes by its own clock, when it publishes by itself."""
        if not self.auto:
            return None
        if self.publication is None:
            return self.clock.real_now() - timedelta(minutes=5)
        due = self.publication.this_update + DAY
        return due if due <= self.clock.now() else None

    def set_auto(self, enabled: bool) -> None:
        if enabled != self.auto:
            self._commit({"kind": "auto", "enabled": enabled})

    # --- residents --------------------------------------------------------------------------------

    def begun(self) -> tuple[Register, Publication]:
        if self.register is None or self.publication is None:
            raise RequestRefused(
                409, "NOT_BEGUN", "no day was played yet; POST /sandbox/v1/days:play with a this_update"
            )
        return self.register, self.publication

    def resident(self, resident_id: str) -> Resident:
        register, _ = self.begun()
        found = RESIDENT_ID.match(resident_id)
        resident = register.residents.get(int(found[1])) if found else None
        if resident is None or resident.number > self.settings.residents:
            raise RequestRefused(404, "NO_SUCH_RESIDENT", "expected an id from GET /sandbox/v1/residents")
        return resident

    def act(self, event: str, resident_id: str, options: Options) -> dict[str, Any]:
        """An act by hand, now; the next published lists say it."""
        register, publication = self.begun()
        resident = self.resident(resident_id)
        at = max(self.clock.now().replace(microsecond=0), publication.this_update + timedelta(seconds=1))
        check(event, register, resident, at)
        record = {
            "kind": "act",
            "event": event,
            "resident": resident.number,
            "at": wire(at),
            "reissue": options.reissue,
            "municipality_code": None if options.place is None else options.place.code,
            "day": None if options.day is None else options.day.isoformat(),
        }
        entry: dict[str, Any] = self._commit(record)
        return {**entry, "day": publication.day + 1}

    def _apply_act(self, record: Mapping[str, Any]) -> dict[str, Any]:
        register, _ = self.begun()
        self._acts += 1
        code = record["municipality_code"]
        lived = perform(
            record["event"],
            register,
            register.residents[record["resident"]],
            parse_instant(record["at"]),
            Random(f"{self.settings.seed}:act:{self._acts}"),
            Options(
                record["reissue"],
                None if code is None else BY_CODE[code],
                None if record["day"] is None else date.fromisoformat(record["day"]),
            ),
        )
        return self.life_log.append(lived)

    # --- certificates -----------------------------------------------------------------------------

    @property
    def authority(self) -> CertificateAuthority:
        """The CA of the card's signing certificates."""
        return self.authorities[CARD_SIGN]

    def items_of(self, resident: Resident) -> FourInformation:
        """What a new signing certificate would say now."""
        register, _ = self.begun()
        return register.present(resident.person).four_information(self.clock.now())

    def identity(self, certificate: IssuedCertificate) -> dict[str, Any]:
        """ca_id, issuer_key, serial_number, partition and kind, as the wire spells them."""
        return self.life_log.identity(certificate)

    def sign(self, certificate: IssuedCertificate, data: bytes) -> tuple[bytes, str]:
        """A signature by the holder's key, and what its algorithm is called on the wire."""
        key = self.maker.key_of(certificate)
        return sign(key, data), SIGNATURE_ALGORITHMS[algorithm_of(key)]

    # --- consents and responders ------------------------------------------------------------------

    def keep(self, record: Record) -> Any:
        """Commits what J-LIS's side took in (a consent, a withdrawal, its settings): what became of it."""
        return self._commit(record)

    def responder_certificates(self, public_key_pem: str) -> list[dict[str, str]]:
        record = self.responders.record_of(public_key_pem, self.clock.now().replace(microsecond=0))
        if record is not None:
            self._commit(record)
        return self.responders.certificates(public_key_pem)

    def facts(self) -> dict[str, Any]:
        """What GET /sandbox/v1/health shows."""
        return {
            "seed": self.settings.seed,
            "residents": self.settings.residents,
            "founded_at": wire(self.settings.founded_at),
            "day": self.day,
            "published_at": None if self.publication is None else wire(self.publication.this_update),
            "now": wire(self.clock.now()),
            "auto": self.auto,
            "ca": _said(self.authority),
            "mergers": {} if self.register is None else dict(self.register.mergers),
            "cas": [_said(authority) for authority in self.authorities.values()],
        }


def _said(authority: CertificateAuthority) -> dict[str, Any]:
    return {
        "ca_id": authority.ca_id,
        "kinds": list(authority.profile.kinds),
        "generations": [found.key_id for found in authority.generations],
    }
