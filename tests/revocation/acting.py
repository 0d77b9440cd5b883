"""A small CA and two people who act upon it, for the tests of authorities and their acts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path

from revocation.authorities import Authorities, Authority, Partition
from revocation.authority_acts import Act, AddAuthority, SetTolerance
from revocation.authority_proposals import Approval, AuthorityActs
from revocation.authority_rows import row_of
from tests import pki

NOW = pki.T0
TODAY = date(2026, 11, 20)
DAY = timedelta(days=1)
SATO, SUZUKI = "Sato", "Suzuki"
REAL_DN = (("C", "JP"), ("O", "JPKI"), ("OU", "JPKI for digital signature"))
TOLERATE = SetTolerance(ca_id="card-sign", tolerance="missing_crl_number", on=True)


@cache
def _four_generations() -> pki.CA:
    return pki.make_ca(generations=4, kind="p256")


def small_ca(generations: int = 2) -> pki.CA:
    """The same certificates at every call: a CA of more generations continues one of fewer."""
    return replace(_four_generations(), generations=_four_generations().generations[:generations])


def partition(number: int, **dates: object) -> Partition:
    return Partition(number, pki.point(number), f"City-{number}", **dates)  # type: ignore[arg-type]


def authority_of(*partitions: Partition, ca: pki.CA | None = None) -> Authority:
    return (ca or small_ca()).authority(partitions=partitions or [partition(1), partition(2)])


def founding(*partitions: Partition) -> AddAuthority:
    return AddAuthority(authority=row_of(authority_of(*partitions)))


def two_people(acts: AuthorityActs, act: Act, *, now: datetime = NOW, reason: str = "") -> Approval:
    """Sato proposes, Suzuki approves an hour later."""
    proposal = acts.propose(act, by=SATO, reason=reason, now=now)
    return acts.approve(proposal.proposal_id, by=SUZUKI, now=now + timedelta(hours=1))


def founded(folder: Path, *partitions: Partition) -> AuthorityActs:
    """A folder whose CA was taken in by two people: version 1."""
    acts = AuthorityActs(folder / "authorities.json")
    two_people(acts, founding(*partitions))
    return acts


def file_in(folder: Path) -> Path:
    return folder / "authorities.json"


def load(folder: Path) -> Authorities:
    return Authorities.load(file_in(folder))
