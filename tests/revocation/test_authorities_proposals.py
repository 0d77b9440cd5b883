"""One person proposes, another one approves: once, on what both have seen; killed anywhere, it heals."""

from __future__ import annotations

import fcntl
import hashlib
import json
import stat
from pathlib import Path

import pytest

from revocation.authority_acts import SetTolerance
from revocation.authority_proposals import AuthorityActs
from revocation.errors import InputRefused, OutsideFailed
from revocation.recorded_acts import operator_name, require_another
from revocation.snapshot.durable import Disk
from tests.revocation.acting import (
    DAY,
    NOW,
    SATO,
    SUZUKI,
    TOLERATE,
    file_in,
    founded,
    founding,
    load,
    two_people,
)
from tests.revocation.children import Child
from tests.revocation.disks import CountingDisk, FailingDisk, KillingDisk

OTHER = SetTolerance(ca_id="card-sign", tolerance="explicit_default", on=True)
#: approve: stage and commit the file (5 steps), remove the proposal.
STEPS = ["create", "write", "sync_file", "rename", "sync_folder", "remove"]


def _code(work: object) -> str:
    with pytest.raises((InputRefused, OutsideFailed)) as refused:
        work()  # type: ignore[operator]
    assert refused.value.expected
    assert refused.value.got
    assert refused.value.remedy
    return refused.value.code


def _on(folder: Path, disk: Disk) -> AuthorityActs:
    return AuthorityActs(file_in(folder), public=disk, private=disk)


def _tolerances(folder: Path) -> set[str]:
    return set(next(iter(load(folder))).tolerances)


def test_a_proposal_changes_nothing(tmp_path: Path) -> None:
    """It is a file of its own, that only its owner reads; the authorities stand as they stood."""
    acts = AuthorityActs(file_in(tmp_path))
    proposal = acts.propose(founding(), by=" Sato  Hana ", reason="contract", now=NOW)
    (path,) = (tmp_path / "authority-proposals").iterdir()
    assert path.name == f"{proposal.proposal_id}.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert not file_in(tmp_path).exists()
    assert acts.waiting() == [proposal]
    assert acts.find(proposal.proposal_id) == proposal
    assert (proposal.row.proposed_by, proposal.row.reason, proposal.row.base_version) == (
        "Sato Hana",
        "contract",
        0,
    )


def test_another_person_approves_it(tmp_path: Path) -> None:
    """Then it is done, recorded, and waits no longer; the file is for everybody to read."""
    acts = AuthorityActs(file_in(tmp_path))
    approval = two_people(acts, founding(), reason="contract")
    made = load(tmp_path)
    assert (made.version, made.acts, approval.already) == (1, (approval.act,), False)
    assert (approval.act.kind, approval.act.ca_id, approval.act.version) == ("add_authority", "card-sign", 1)
    assert approval.act.summary.startswith("add CA card-sign")
    assert acts.waiting() == []
    assert stat.S_IMODE(file_in(tmp_path).stat().st_mode) == 0o644


@pytest.mark.parametrize(
    "name",
    [
        "Sato",
        " sato ",
        "SATO",
        "Ｓａｔｏ",
        "S a t o",
        "Sato\ufe0f",
        "S\u034fa\U000e0101to",
        "Sa\u3164to\uffa0",
    ],
)
def test_the_same_person_does_not_approve(tmp_path: Path, name: str) -> None:
    """Nor does a slip of the keyboard pass for a second person."""
    acts = AuthorityActs(file_in(tmp_path))
    proposal = acts.propose(founding(), by=SATO, reason="", now=NOW)
    assert _code(lambda: acts.approve(proposal.proposal_id, by=name, now=NOW)) == "SECOND_PERSON_REQUIRED"
    assert not file_in(tmp_path).exists()
    assert len(acts.waiting()) == 1


def test_no_unseen_character_makes_another_person(tmp_path: Path) -> None:
    """Every code point that Unicode lets a renderer leave out: the same name, or none that is taken at all; a
    name of nothing else is no name.
    """
    unseen = [0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180D, 0x180F, 0x200B, 0x200F]
    unseen += [0x202A, 0x202E, 0x2060, 0x206F, 0x2800, 0x3164, 0xFE00, 0xFE0F, 0xFEFF, 0xFFA0, 0xFFF0, 0xFFF8]
    unseen += [0x1BCA0, 0x1BCA3, 0x1D173, 0x1D17A, 0xE0000, 0xE0100, 0xE01EF, 0xE0FFF]
    for code in unseen:
        with pytest.raises(InputRefused) as refused:
            require_another(f"Sa{chr(code)}to", than="sato")
        assert refused.value.code in ("SECOND_PERSON_REQUIRED", "OPERATOR_NAME_MALFORMED"), hex(code)
        assert _code(lambda code=code: operator_name(chr(code))) == "OPERATOR_NAME_MALFORMED"
    for other in ("Satou", "高橋", "Sat\u00f3"):
        require_another(other, than="Sato")
    require_another("髙橋", than="高橋")  # a variant of its own is another name: see THREAT_MODEL.md


def test_what_was_seen_is_what_is_approved(tmp_path: Path) -> None:
    """Another act in between makes a proposal stale; it is refused, shown as stale, and can be rejected."""
    acts = founded(tmp_path)
    first, second = (acts.propose(act, by=SATO, reason="", now=NOW) for act in (TOLERATE, OTHER))
    acts.approve(first.proposal_id, by=SUZUKI, now=NOW)
    assert [one.stale for one in acts.waiting()] == [True]
    assert _code(lambda: acts.approve(second.proposal_id, by=SUZUKI, now=NOW)) == "PROPOSAL_STALE"
    assert _tolerances(tmp_path) == {"missing_crl_number"}
    acts.reject(second.proposal_id, by=SATO, reason="", now=NOW)
    assert acts.waiting() == []


def test_an_edited_file_makes_proposals_stale(tmp_path: Path) -> None:
    """Also an edit past the acts, even one that keeps the version: the content counts."""
    acts = founded(tmp_path)
    proposal = acts.propose(TOLERATE, by=SATO, reason="", now=NOW)
    file_in(tmp_path).write_bytes(file_in(tmp_path).read_bytes() + b"\n")
    assert _code(lambda: acts.approve(proposal.proposal_id, by=SUZUKI, now=NOW)) == "PROPOSAL_STALE"


def test_a_changed_proposal_is_no_proposal(tmp_path: Path) -> None:
    """Its name is the hash of its content: what was announced under the id is what is approved."""
    acts = founded(tmp_path)
    proposal = acts.propose(TOLERATE, by=SATO, reason="", now=NOW)
    path = tmp_path / "authority-proposals" / f"{proposal.proposal_id}.json"
    path.write_text(path.read_text().replace("missing_crl_number", "explicit_default"))
    assert _code(lambda: acts.approve(proposal.proposal_id, by=SUZUKI, now=NOW)) == "PROPOSAL_DAMAGED"
    assert load(tmp_path).version == 1


@pytest.mark.parametrize("proposal_id", ["", "0" * 16, "../../authorities", "F" * 16, "0" * 64])
def test_what_is_no_proposal_is_not_found(tmp_path: Path, proposal_id: str) -> None:
    """Before there is a folder and after; an id is no path."""
    acts = AuthorityActs(file_in(tmp_path))
    assert _code(lambda: acts.approve(proposal_id, by=SUZUKI, now=NOW)) == "PROPOSAL_UNKNOWN"
    founded(tmp_path)
    for ask in (
        lambda: acts.approve(proposal_id, by=SUZUKI, now=NOW),
        lambda: acts.reject(proposal_id, by=SUZUKI, reason="", now=NOW),
        lambda: acts.find(proposal_id),
    ):
        assert _code(ask) == "PROPOSAL_UNKNOWN"


def test_an_id_is_a_whole_hash_and_its_beginning_finds_it(tmp_path: Path) -> None:
    """From 16 characters on, where it is the beginning of one: to look, to approve, once more, to reject."""
    acts = founded(tmp_path)
    first, second = (acts.propose(act, by=SATO, reason="", now=NOW).proposal_id for act in (TOLERATE, OTHER))
    content = (tmp_path / "authority-proposals" / f"{first}.json").read_bytes()
    assert first == hashlib.sha256(content).hexdigest()
    assert acts.find(first[:16]).proposal_id == first
    assert _code(lambda: acts.find(first[:15])) == "PROPOSAL_UNKNOWN"
    twin = first[:20] + ("0" if first[20] != "0" else "1") + first[21:]
    path = tmp_path / "authority-proposals" / f"{twin}.json"
    path.write_bytes(content)
    for ask in (acts.find, lambda one: acts.approve(one, by=SUZUKI, now=NOW)):
        assert _code(lambda ask=ask: ask(first[:20])) == "PROPOSAL_AMBIGUOUS"
    assert acts.find(first[:21]).proposal_id == first
    path.unlink()
    approval = acts.approve(first[:16], by=SUZUKI, now=NOW)
    assert (approval.act.proposal_id, approval.already) == (first, False)
    assert acts.approve(first[:16], by=SUZUKI, now=NOW).already
    assert acts.reject(second[:16], by=SATO, reason="", now=NOW).proposal_id == second
    assert acts.waiting() == []
    assert (tmp_path / "authority-proposals" / f"{second}.rejected").is_file()


def test_a_damaged_file_hides_no_other(tmp_path: Path) -> None:
    """The good ones are listed, and each file that is none is named with its code."""
    acts = founded(tmp_path)
    first, second = (acts.propose(act, by=SATO, reason="", now=NOW) for act in (TOLERATE, OTHER))
    folder = tmp_path / "authority-proposals"
    (folder / f"{first.proposal_id}.json").write_text("{")
    (folder / "notes.json").write_text("{}")
    listed, damaged = acts.listed()
    assert listed == acts.waiting() == [second]
    assert sorted(name for name, _ in damaged) == sorted([f"{first.proposal_id}.json", "notes.json"])
    assert {error.code for _, error in damaged} == {"PROPOSAL_DAMAGED"}
    assert all("remove" in error.remedy for _, error in damaged)


def test_what_cannot_be_done_is_not_even_proposed(tmp_path: Path) -> None:
    """The act is tried on a copy: nothing is written."""
    acts = AuthorityActs(file_in(tmp_path))
    assert _code(lambda: acts.propose(TOLERATE, by=SATO, reason="", now=NOW)) == "CA_UNKNOWN"
    assert _code(lambda: acts.propose(founding(), by="", reason="", now=NOW)) == "OPERATOR_NAME_MALFORMED"
    assert _code(lambda: acts.propose(founding(), by=SATO, reason="\n", now=NOW)) == "RECORDED_ACT_MALFORMED"
    assert list(tmp_path.iterdir()) == []


def test_a_rejected_proposal_is_kept_with_who_rejected_it(tmp_path: Path) -> None:
    """It waits no longer and cannot be approved; who proposed it may take it back."""
    acts = founded(tmp_path)
    proposal = acts.propose(TOLERATE, by=SATO, reason="", now=NOW)
    acts.reject(proposal.proposal_id, by=SATO, reason="wrong CA", now=NOW + DAY)
    assert acts.waiting() == []
    assert _code(lambda: acts.approve(proposal.proposal_id, by=SUZUKI, now=NOW)) == "PROPOSAL_UNKNOWN"
    kept = json.loads((tmp_path / "authority-proposals" / f"{proposal.proposal_id}.rejected").read_text())
    assert (kept["rejected_by"], kept["reason"]) == ("Sato", "wrong CA")
    assert kept["proposal"]["act"]["tolerance"] == "missing_crl_number"


def test_a_rule_of_the_deployment_is_asked_again(tmp_path: Path) -> None:
    """What it refuses is not done: the mode may have changed since the proposal."""
    acts = AuthorityActs(file_in(tmp_path))
    proposal = acts.propose(founding(), by=SATO, reason="", now=NOW)

    def refuse(authority: object) -> None:
        raise InputRefused("RULE", expected="a", got="b", remedy="c")

    assert _code(lambda: acts.approve(proposal.proposal_id, by=SUZUKI, now=NOW, rule=refuse)) == "RULE"
    assert not file_in(tmp_path).exists()


def test_two_approvals_at_once_do_it_once(tmp_path: Path) -> None:
    """Both processes get through: one did it, the other finds it done."""
    acts = founded(tmp_path)
    proposal_id = acts.propose(TOLERATE, by=SATO, reason="", now=NOW).proposal_id
    children = [
        Child(lambda: acts.approve(proposal_id, by=SUZUKI, now=NOW).already),
        Child(lambda: acts.approve(proposal_id, by="Mori", now=NOW).already),
    ]
    for child in children:
        child.go()
    assert sorted(child.wait() for child in children) == [(0, "False"), (0, "True")]
    assert load(tmp_path).version == 2


def test_two_proposals_approved_at_once_are_not_both_done(tmp_path: Path) -> None:
    """One wins; the other was upon a content that is no more."""
    acts = founded(tmp_path)
    ids = [acts.propose(act, by=SATO, reason="", now=NOW).proposal_id for act in (TOLERATE, OTHER)]
    children = [Child(lambda one=one: acts.approve(one, by=SUZUKI, now=NOW).act.version) for one in ids]
    for child in children:
        child.go()
    answers = sorted(child.wait() for child in children)
    assert answers[0] == (0, "2")
    assert answers[1][1].startswith("PROPOSAL_STALE")
    assert len(_tolerances(tmp_path)) == 1


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", range(1, len(STEPS) + 1))
def test_killed_between_any_two_steps_it_is_old_or_new_and_heals(
    tmp_path: Path, step: int, after: bool
) -> None:
    """SIGKILL before and after each durable step of an approval: the file is version 1 or 2, whole; run
    again it is version 2, recorded once, and nothing is left over.
    """
    acts = founded(tmp_path)
    proposal_id = acts.propose(TOLERATE, by=SATO, reason="", now=NOW).proposal_id
    disk = KillingDisk(step, after=after)
    killed = Child(lambda: _on(tmp_path, disk).approve(proposal_id, by=SUZUKI, now=NOW))
    assert killed.finish()[0] == -9
    committed = (step, after) >= (4, True)
    assert load(tmp_path).version == (2 if committed else 1)
    healed = acts.approve(proposal_id, by=SUZUKI, now=NOW)
    assert healed.already is committed
    assert [act.version for act in load(tmp_path).acts] == [1, 2]
    assert _tolerances(tmp_path) == {"missing_crl_number"}
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["authorities.json"]
    assert acts.waiting() == []


def test_an_approval_has_these_steps_and_no_other(tmp_path: Path) -> None:
    """So that the kill test above leaves none out."""
    acts = founded(tmp_path)
    proposal_id = acts.propose(TOLERATE, by=SATO, reason="", now=NOW).proposal_id
    disk = CountingDisk()
    _on(tmp_path, disk).approve(proposal_id, by=SUZUKI, now=NOW)
    assert disk.steps == STEPS


@pytest.mark.parametrize("persisted", [False, True])
@pytest.mark.parametrize("step", range(1, 6))
def test_a_failing_disk_is_told_and_the_next_try_heals(tmp_path: Path, step: int, persisted: bool) -> None:
    """Each step failing, done or not done: old or new, told with a code; a second try ends at version 2."""
    acts = founded(tmp_path)
    proposal_id = acts.propose(TOLERATE, by=SATO, reason="", now=NOW).proposal_id
    failing = _on(tmp_path, FailingDisk(step, persisted=persisted))
    assert _code(lambda: failing.approve(proposal_id, by=SUZUKI, now=NOW)) == "AUTHORITIES_UNWRITABLE"
    assert load(tmp_path).version in (1, 2)
    acts.approve(proposal_id, by=SUZUKI, now=NOW)
    assert [act.version for act in load(tmp_path).acts] == [1, 2]


def test_who_waits_for_the_lock_in_vain_is_told(tmp_path: Path) -> None:
    """Another process sits on it: refused after the patience with a code, and nothing is done."""
    acts = founded(tmp_path)
    proposal_id = acts.propose(TOLERATE, by=SATO, reason="", now=NOW).proposal_id
    hurried = AuthorityActs(file_in(tmp_path), patience_s=0.05)
    with (tmp_path / "authority-proposals" / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert _code(lambda: hurried.approve(proposal_id, by=SUZUKI, now=NOW)) == "AUTHORITIES_LOCKED"
        assert load(tmp_path).version == 1
    assert hurried.approve(proposal_id, by=SUZUKI, now=NOW).act.version == 2


@pytest.mark.parametrize("content", [b"{}", b"no json", b'{"format":"jpki-authority-proposal/2"}'])
def test_a_file_with_the_right_name_and_no_proposal_in_it(tmp_path: Path, content: bytes) -> None:
    """Somebody who can compute a hash planted it: refused by its format."""
    acts = founded(tmp_path)
    proposal_id = hashlib.sha256(content).hexdigest()
    (tmp_path / "authority-proposals" / f"{proposal_id}.json").write_bytes(content)
    assert _code(lambda: acts.approve(proposal_id, by=SUZUKI, now=NOW)) == "PROPOSAL_DAMAGED"


def test_killed_while_proposing_there_is_a_proposal_or_none(tmp_path: Path) -> None:
    """At each step of writing the proposal: what waits afterwards is whole, and the file is untouched."""
    founded(tmp_path)
    for step in range(1, 6):
        child = Child(
            lambda step=step: _on(tmp_path, KillingDisk(step, after=False)).propose(
                TOLERATE, by=SATO, reason=str(step), now=NOW
            )
        )
        assert child.finish()[0] == -9
        waiting = AuthorityActs(file_in(tmp_path)).waiting()
        assert [one.row.reason for one in waiting] == (["5"] if step == 5 else [])
    assert load(tmp_path).version == 1
