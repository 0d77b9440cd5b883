"""The world of the tests of status: two generations, two partitions, a list of every kind of entry."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from revocation.status import CertificateStatus, Status, UnknownReason, Validity, certificate_status
from tests.revocation.sets import DAY, T0, Listing, accepted, every_list, identity, scope, store, world

SECOND = timedelta(seconds=1)
NOW = T0 + timedelta(hours=6)
#: In the first generation's partition 1; serial 9 is in nobody's list.
REVOKED, HELD, GONE, GONE_HELD, OTHER_PARTITION, UNLISTED = 1, 2, 3, 4, 5, 9
WITHIN = Validity(T0 - 30 * DAY, T0 + 1000 * DAY)
OVER = Validity(T0 - 30 * DAY, T0 - DAY)
LATER = Validity(T0 + DAY, T0 + 1000 * DAY)


class World:
    """A set in which partition 2's list ends a day before partition 1's."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.authorities, self.authority = world(**settings)
        writer = store(folder)
        one, two = scope(self.authority, 1), scope(self.authority, 2)
        first: Listing = {REVOKED: (3, T0 - 9 * DAY), HELD: 6, GONE: (4, T0 - 20 * DAY), GONE_HELD: 6}
        before = every_list(self.authority, -1, lives=5 * DAY) | {
            one: accepted(first, number=1, this_update=T0 - DAY)
        }
        writer.publish(before, self.authorities, now=T0 - DAY)
        today = every_list(self.authority, 0, lives=3 * DAY) | {
            one: accepted({REVOKED: (3, T0 - 9 * DAY), HELD: 6}, number=11, lives=2 * DAY),
            two: accepted({OTHER_PARTITION: 1}, number=12, lives=DAY),
        }
        self.snapshot = writer.publish(today, self.authorities, now=T0)

    def ask(self, serial: int, *, at: datetime = NOW, **options: Any) -> CertificateStatus:
        snapshot = options.pop("snapshot", self.snapshot)
        return certificate_status(
            identity(self.authority, serial, options.pop("generation", 0)),
            authorities=options.pop("authorities", self.authorities),
            snapshot=snapshot,
            now=at,
            **options,
        )


def said(status: CertificateStatus) -> tuple[Status, UnknownReason | None]:
    return status.status, status.unknown_reason
