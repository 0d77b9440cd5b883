"""Files that change under a running responder: taken whole, or left as if nothing had happened."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from platform_api.responder.follow import Follower
from platform_api.responder.given import Given
from revocation.checker.lists import HeldList
from revocation.clock import FixedClock
from revocation.errors import InputRefused, OutsideFailed, RevocationError
from tests import pki
from tests.checker.material import full, named
from tests.pki import entry, seq
from tests.responder.running import GOOD, NOW, REVOKED, THIS_UPDATE, crl, key_pem, pem
from tests.responder.worlds import given, made, word
from tests.revocation.ocsp_world import responder_certificate

HOUR = timedelta(hours=1)


class Followed:
    """A follower whose looks, clock and timer the test decides."""

    def __init__(self, wanted: Given) -> None:
        self.clock = FixedClock(NOW)
        self.seconds = 0.0
        self.told: list[str] = []
        self.follower = Follower(wanted, self.clock, made(wanted), self._told, lambda: self.seconds)

    def _told(self, error: RevocationError) -> None:
        self.told.append(error.code)

    def look(self, times: int = 3) -> list[str]:
        """What was told of during so many looks."""
        self.told.clear()
        for _ in range(times):
            if self.follower.look():
                self.told.append("taken")
        return list(self.told)


@pytest.fixture(scope="module")
def ca() -> pki.CA:
    return pki.make_ca(generations=1, kind="p256", first_key=430)


@pytest.fixture
def list_file(tmp_path: Path) -> Path:
    return tmp_path / "ca.crl"


@pytest.fixture
def followed(tmp_path: Path, ca: pki.CA) -> Followed:
    return Followed(given(tmp_path, [ca], {"ca.crl": crl(ca)}))


def newer(ca: pki.CA, *serials: int, number: int = 4, at: datetime = THIS_UPDATE + HOUR / 2) -> bytes:
    return crl(ca, [entry(serial, THIS_UPDATE) for serial in serials], number=number, this_update=at)


def test_a_new_list_is_taken(followed: Followed, ca: pki.CA, list_file: Path) -> None:
    """Once it looks the same at two looks; nothing is read again after that."""
    assert followed.look() == []
    list_file.write_bytes(newer(ca, GOOD))
    assert followed.look(1) == []
    assert word(followed.follower.current, ca, GOOD) == "GOOD"
    assert followed.look(1) == ["taken"]
    assert word(followed.follower.current, ca, GOOD) == "REVOKED"
    assert word(followed.follower.current, ca, REVOKED) == "GOOD"
    assert followed.look() == []
    assert followed.follower.reloads == 1


def test_one_that_is_replaced_by_rename_is_taken(followed: Followed, ca: pki.CA, list_file: Path) -> None:
    """Whatever its time and size are: its inode is another."""
    before = list_file.stat()
    fresh = list_file.with_suffix(".new")
    fresh.write_bytes(newer(ca, REVOKED, GOOD))
    fresh.replace(list_file)
    os.utime(list_file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert followed.look() == ["taken"]


BAD: dict[str, tuple[Callable[[pki.CA], bytes] | None, type[RevocationError]]] = {
    "half of it": (lambda ca: newer(ca, GOOD)[:-40], InputRefused),
    "older": (lambda ca: crl(ca, [], number=2, this_update=THIS_UPDATE - HOUR), InputRefused),
    "another under its number": (lambda ca: newer(ca, number=3), InputRefused),
    "later number, earlier time": (lambda ca: newer(ca, at=THIS_UPDATE - HOUR), InputRefused),
    "a page": (lambda _: b"<html>not today</html>", InputRefused),
    "nothing": (lambda _: b"", InputRefused),
    "of one point only": (lambda ca: crl(ca, number=9, idp=seq(full(named("x")))), InputRefused),
    "signed by nobody": (lambda ca: crl(ca, number=9, corrupt_signature=True), InputRefused),
    "not there": (None, OutsideFailed),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_one_leaves_the_old_world(followed: Followed, ca: pki.CA, list_file: Path, case: str) -> None:
    """It is told of once; what was answered is answered on, until its own end. A good one ends that."""
    forged, family = BAD[case]
    if forged is None:
        list_file.unlink()
    else:
        list_file.write_bytes(forged(ca))
    world = followed.follower.current
    assert len(followed.look(5)) == 1
    assert isinstance(followed.follower.refusal, family)
    assert followed.follower.current is world
    assert (word(world, ca, REVOKED), word(world, ca, GOOD)) == ("REVOKED", "GOOD")
    end = world.cas[0].next_update
    assert end is not None
    assert word(world, ca, GOOD, at=end) == "STALE"
    list_file.write_bytes(newer(ca, GOOD, number=5))
    assert followed.look() == ["taken"]
    assert followed.follower.refusal is None


def test_a_refusal_keeps_no_list_in_memory(followed: Followed, ca: pki.CA, list_file: Path) -> None:
    """It is kept for as long as the files are refused; what was read for it is not."""
    gc.collect()
    before = {id(one) for one in gc.get_objects() if isinstance(one, HeldList)}  # of other tests
    list_file.write_bytes(crl(ca, number=None))
    assert followed.look() == ["CRL_NUMBER_MISSING"]
    gc.collect()
    assert not [one for one in gc.get_objects() if isinstance(one, HeldList) and id(one) not in before]


def test_the_same_list_again_is_no_news_of_importance(
    followed: Followed, ca: pki.CA, list_file: Path
) -> None:
    """Touched, or written again: taken, and nothing is different."""
    list_file.write_bytes(list_file.read_bytes())
    assert followed.look() == ["taken"]
    assert word(followed.follower.current, ca, REVOKED) == "REVOKED"


def test_a_list_of_tomorrow_is_taken_tomorrow(followed: Followed, ca: pki.CA, list_file: Path) -> None:
    """What passes with time is tried again without a change, now and then."""
    list_file.write_bytes(newer(ca, GOOD, at=NOW + HOUR))
    assert followed.look(5) == ["THIS_UPDATE_IN_FUTURE"]
    followed.clock.set(NOW + HOUR)
    assert followed.look() == []
    followed.seconds = 60
    assert followed.look() == ["taken"]


def test_a_lapsed_delta_is_merged_anew(tmp_path: Path, ca: pki.CA) -> None:
    """At its nextUpdate the base speaks alone, though no file has changed."""
    ends = NOW + HOUR
    changed = crl(ca, [entry(7, THIS_UPDATE)], number=4, delta_base=3, next_update=ends)
    followed = Followed(given(tmp_path, [ca], {"ca.crl": crl(ca), "delta.crl": changed}))
    assert followed.look() == []
    followed.clock.set(ends)
    assert word(followed.follower.current, ca, GOOD, at=ends) == "STALE"
    assert followed.look() == ["taken"]
    assert word(followed.follower.current, ca, GOOD, at=ends) == "GOOD"
    assert word(followed.follower.current, ca, 7, at=ends) == "REVOKED"
    assert followed.look() == []


def test_a_full_list_under_its_delta_s_number(tmp_path: Path, ca: pki.CA) -> None:
    """RFC 5280 section 5.2.3: issued together they share it. Then the delta may go, and the full list not."""
    delta = crl(ca, [entry(7, THIS_UPDATE)], number=4, delta_base=3)
    followed = Followed(given(tmp_path, [ca], {"ca.crl": crl(ca), "delta.crl": delta}))
    later = THIS_UPDATE + HOUR / 2
    (tmp_path / "ca.crl").write_bytes(crl(ca, [entry(7, THIS_UPDATE)], number=4, this_update=later))
    assert followed.look() == ["taken"]
    (tmp_path / "delta.crl").write_bytes((tmp_path / "ca.crl").read_bytes())
    assert followed.look() == ["taken"]
    (tmp_path / "ca.crl").write_bytes(crl(ca, number=3))
    (tmp_path / "delta.crl").write_bytes(crl(ca, number=3))
    assert followed.look() == ["CRL_NUMBER_ROLLBACK"]


def test_a_new_signer_takes_over(followed: Followed, tmp_path: Path, ca: pki.CA) -> None:
    """A certificate that is replaced signs after the reload; one for another key is refused."""
    fresh = pki.key("p256", 398)
    (tmp_path / "ocsp.pem").write_bytes(pem(responder_certificate(fresh, ca.generations[0])))
    assert followed.look() == ["RESPONDER_CERTIFICATE_REFUSED"]
    (tmp_path / "ocsp.key").write_bytes(key_pem(fresh))
    assert followed.look() == ["taken"]
    assert followed.follower.current.cas[0].trust == "delegated"
