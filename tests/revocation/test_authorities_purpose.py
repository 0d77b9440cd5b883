"""Serial numbers of a purpose-limited CA are not printed as a list, unless two people lifted it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from revocation.__main__ import main
from revocation.authorities import Authorities
from revocation.authority_acts import SetPolicy
from revocation.authority_proposals import AuthorityActs
from revocation.exits import Exit
from tests.revocation.acting import two_people
from tests.revocation.sets import DAY, T0, accepted, every_list, scope, store, world


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    """A data folder: two sets, and the authorities beside them."""
    authorities, authority = world()
    authorities.dump(tmp_path / "authorities.json")
    for day, listing in enumerate(({}, {0xBEEF: 4})):
        lists = every_list(authority, day) | {
            scope(authority, 1): accepted(listing, number=day + 1, this_update=T0 + day * DAY)
        }
        store(tmp_path / "snapshots").publish(lists, authorities, now=T0 + day * DAY)
    return tmp_path / "snapshots"


def _diff(sets: Path, *more: str) -> int:
    return main(["diff", f"{sets}@1", f"{sets}@2", "--json", *more])


def test_counts_are_told_and_serials_are_not(sets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --serials as ever; with it one sentence, the code, the way to lift it, and no serial."""
    assert _diff(sets) == Exit.DONE
    assert json.loads(capsys.readouterr().out)["changes"] == 1
    assert _diff(sets, "--serials") == Exit.REFUSED
    said = capsys.readouterr()
    assert json.loads(said.out)["error"] == "PURPOSE_LIMITED"
    assert said.err.startswith("PURPOSE_LIMITED")
    assert "jpki authority set card-sign --no-purpose-limited" in said.err
    assert "beef" not in said.err + said.out


def test_two_people_may_lift_it(sets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A recorded act, and it can be taken back the same way."""
    acts = AuthorityActs(sets.parent / "authorities.json")
    two_people(acts, SetPolicy(ca_id="card-sign", purpose_limited=False), reason="audit of 2026")
    assert _diff(sets, "--serials") == Exit.DONE
    assert json.loads(capsys.readouterr().out)["serials"][0]["serial_number"] == "beef"
    two_people(acts, SetPolicy(ca_id="card-sign", purpose_limited=True))
    assert _diff(sets, "--serials") == Exit.REFUSED


def test_a_ca_that_is_not_there_is_limited(sets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody lifted it for a CA that the authorities do not name (any more)."""
    Authorities(()).dump(sets.parent / "authorities.json")
    assert _diff(sets, "--serials") == Exit.REFUSED
    assert "PURPOSE_LIMITED" in capsys.readouterr().err


def test_a_folder_alone_is_its_holders_affair(sets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without authorities beside it nothing is known of the CA."""
    (sets.parent / "authorities.json").unlink()
    assert _diff(sets, "--serials") == Exit.DONE
    assert "beef" in capsys.readouterr().out
