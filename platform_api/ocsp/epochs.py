"""Which set with which authorities is answered from, and the next one made ready beside it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Final, Protocol

from cryptography.hazmat.primitives.serialization import Encoding

from platform_api.ocsp._epoch import Epoch, Frame
from revocation.der import SEQUENCE, encoded

if TYPE_CHECKING:
    from revocation.authorities import Authorities
    from revocation.ocsp.signing import ResponderIdentity
    from revocation.snapshot.current import Snapshot

#: Seconds before its end from which an answer is not handed out from memory any more: the time of day here
#: is up to a second old.
_MARGIN_S: Final = 2


class Snapshots(Protocol):
    """Where the set comes from: ``platform_api.snapshots``, or the files of ``jpki responder``."""

    def current(self) -> Snapshot | None:
        """The set to answer from now."""
        ...


class Epochs:
    """The epoch that is answered from; its number rises with each change."""

    def __init__(self, snapshots: Snapshots, authorities: Authorities) -> None:
        self._snapshots: Final = snapshots
        self._authorities: Final = authorities
        self._ready: Epoch | None = None
        self._number = 0
        self.epoch = self._made(snapshots.current())

    def refresh(self) -> bool:
        """Take what is current; False where nothing is another."""
        snapshot, authorities = self._snapshots.current(), held(self._authorities)
        if snapshot is self.epoch.snapshot and authorities is self.epoch.authorities:
            return False
        ready, self._ready = self._ready, None
        if ready is not None and ready.snapshot is snapshot and ready.authorities is authorities:
            self.epoch = ready
        else:
            self.epoch = self._made(snapshot)
        return True

    def renew(self) -> None:
        """The same set, with nothing in memory."""
        self._ready = None
        self.epoch = self._made(self.epoch.snapshot)

    def make_ready(self, snapshot: Snapshot | None, authorities: Authorities) -> Epoch:
        """The epoch of a set that is about to be current; answers may be laid in under its number already."""
        self._ready = self._made(snapshot, authorities)
        return self._ready

    def _made(self, snapshot: Snapshot | None, authorities: Authorities | None = None) -> Epoch:
        self._number += 1
        as_they_stand = held(self._authorities) if authorities is None else held(authorities)
        return Epoch(self._number, snapshot, as_they_stand, as_they_stand.ocsp_issuers())


def held(authorities: Authorities) -> Authorities:
    """Of authorities that change under their holder (``FollowedAuthorities``) those of this moment."""
    found: Authorities = getattr(authorities, "held", authorities)
    return found


def frame_for(
    identity: ResponderIdentity, this_update: datetime, next_update: datetime, *, included: bool
) -> Callable[[], Frame]:
    """Makes what answers with these dates by this signer share."""

    def make() -> Frame:
        tail = b""
        if included:
            # BasicOCSPResponse ends with certs [0] EXPLICIT SEQUENCE OF Certificate (RFC 6960 section 4.2.1).
            tail = encoded(0xA0, encoded(SEQUENCE, identity.certificate.public_bytes(Encoding.DER)))
        dates = (
            f"Last-Modified: {format_datetime(this_update.replace(microsecond=0), usegmt=True)}\r\n"
            f"Expires: {format_datetime(next_update.replace(microsecond=0), usegmt=True)}\r\n"
        )
        ends = int(next_update.timestamp())
        until = min(ends, int(identity.not_after.timestamp())) - _MARGIN_S
        template = identity.template(with_certificate=included)
        return Frame(identity, template, tail, dates.encode("ascii"), ends, until)

    return make
