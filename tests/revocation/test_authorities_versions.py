"""The file with its version and recorded acts: what is written is read again, old files still load."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from revocation.authorities import Authorities, CrlSigning, Partition, SignatureAlgorithm, Tolerance
from revocation.authority_file import content_of, content_sha256, parse_authorities, write_authorities
from revocation.authority_rows import authorities_sha256
from revocation.clock import jst_day
from revocation.errors import InputRefused, OutsideFailed
from revocation.recorded_acts import RecordedAct
from tests import pki
from tests.revocation.acting import (
    NOW,
    TOLERATE,
    authority_of,
    file_in,
    founded,
    load,
    partition,
    small_ca,
    two_people,
)
from tests.revocation.disks import FailingDisk

ACT = RecordedAct(
    version=1,
    kind="add_authority",
    ca_id="card-sign",
    summary="add CA card-sign",
    reason="",
    proposal_id="0" * 16,
    proposed_by="Sato",
    proposed_at=NOW,
    approved_by="Suzuki",
    approved_at=NOW,
    before_sha256="0" * 64,
    after_sha256="f" * 64,
)

#: Marks and the fillers among the letters are not seen by themselves: no names.
seen = st.characters(
    codec="utf-8", exclude_categories=["C", "Z", "M"], exclude_characters="\u115f\u1160\u2800\u3164\uffa0"
)
texts = st.text(seen, min_size=1, max_size=20)
times = st.datetimes(
    datetime(2020, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    datetime(2090, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=9))]),
)
hashes = st.binary(min_size=32, max_size=32).map(bytes.hex)
recorded = st.builds(
    RecordedAct,
    version=st.just(1),
    kind=texts,
    ca_id=texts,
    summary=texts,
    reason=texts | st.just(""),
    proposal_id=texts,
    proposed_by=texts.map("a {}".format),
    proposed_at=times,
    approved_by=texts.map("b {}".format),
    approved_at=times,
    before_sha256=hashes,
    after_sha256=hashes,
)
partition_lists = st.lists(
    st.tuples(texts | st.just(""), st.none() | st.dates(max_value=date(2030, 1, 1))), min_size=1, max_size=4
)
policies = st.fixed_dictionaries(
    {
        "hold_releasable": st.booleans(),
        "purpose_limited": st.booleans(),
        "serial_ceiling": st.none() | st.integers(0, 2**159 - 1),
        "tolerances": st.frozensets(st.sampled_from(list(Tolerance))),
        "crl_signing": st.sampled_from(list(CrlSigning)),
        "signature_algorithms": st.frozensets(st.sampled_from(list(SignatureAlgorithm)), min_size=1),
        "kinds": st.dictionaries(
            st.sampled_from(["1.2.392.1", "2.999", "0.9.2342.19200300.100.1.25"]),
            st.sampled_from(["card-sign", "mobile-auth"]),
        ),
    }
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(recorded, max_size=3), rows=partition_lists, policy=policies)
def test_what_is_dumped_is_loaded_again(
    tmp_path: Path,
    acts: list[RecordedAct],
    rows: list[tuple[str, date | None]],
    policy: dict[str, Any],
) -> None:
    """load(dump(x)) == x for any policy, partitions and acts; and the same x gives the same octets."""
    partitions = [
        Partition(number, pki.point(number), label, opened=day, closed=day and day + timedelta(days=9))
        for number, (label, day) in enumerate(rows, 1)
    ]
    authority = replace(small_ca().authority(partitions=partitions), **policy)
    acts = [replace(act, version=version) for version, act in enumerate(acts, 1)]
    made = Authorities([authority], version=len(acts), acts=acts)
    made.dump(file_in(tmp_path))
    loaded = load(tmp_path)
    assert (list(loaded), loaded.version, list(loaded.acts)) == ([authority], len(acts), acts)
    assert content_of(loaded) == file_in(tmp_path).read_bytes()


def test_a_file_from_before_the_acts_still_loads(tmp_path: Path) -> None:
    """Without version and acts it is version 0; the next act makes version 1."""
    Authorities([authority_of()]).dump(file_in(tmp_path))
    content = json.loads(file_in(tmp_path).read_text())
    del content["version"], content["acts"]
    file_in(tmp_path).write_text(json.dumps(content))
    old = load(tmp_path)
    assert (old.version, old.acts, len(old)) == (0, (), 1)


def test_each_act_names_the_content_that_it_was_upon(tmp_path: Path) -> None:
    """before_sha256 is the whole file before, after_sha256 what the act made of the authorities."""
    acts = founded(tmp_path)
    first = file_in(tmp_path).read_bytes()
    approved = two_people(acts, TOLERATE, reason="ticket 12").act
    assert approved.before_sha256 == content_sha256(first)
    now = load(tmp_path)
    assert now.acts[0].before_sha256 == content_sha256(b"")
    assert (now.version, now.acts[1]) == (2, approved)
    assert approved.after_sha256 == authorities_sha256(now)
    assert approved.reason == "ticket 12"
    assert (approved.proposed_by, approved.approved_by) == ("Sato", "Suzuki")
    assert approved.approved_at - approved.proposed_at == timedelta(hours=1)


@pytest.mark.parametrize(
    ("version", "acts"),
    [(1, []), (0, [ACT]), (2, [ACT]), (2, [ACT, ACT]), (2, [replace(ACT, version=2), ACT])],
)
def test_a_version_without_its_acts_is_refused(version: int, acts: list[RecordedAct]) -> None:
    """One act for each version, in order: the record is no decoration."""
    with pytest.raises(InputRefused, match="one recorded act for each version") as refused:
        Authorities([authority_of()], version=version, acts=acts)
    assert refused.value.code == "AUTHORITY_MALFORMED"


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("version", 0, "RECORDED_ACT_MALFORMED"),
        ("before_sha256", "0" * 63, "RECORDED_ACT_MALFORMED"),
        ("after_sha256", "F" * 64, "RECORDED_ACT_MALFORMED"),
        ("summary", "x" * 1001, "RECORDED_ACT_MALFORMED"),
        ("reason", "x" * 501, "RECORDED_ACT_MALFORMED"),
        ("reason", "a\nb", "RECORDED_ACT_MALFORMED"),
        ("approved_at", datetime(2026, 1, 1), "RECORDED_ACT_MALFORMED"),  # noqa: DTZ001
        ("approved_by", "ＳＡＴＯ", "SECOND_PERSON_REQUIRED"),
        ("approved_by", "sa to", "SECOND_PERSON_REQUIRED"),
        ("approved_by", " ", "OPERATOR_NAME_MALFORMED"),
        ("approved_by", "x" * 101, "OPERATOR_NAME_MALFORMED"),
        ("approved_by", "a\u202eb", "OPERATOR_NAME_MALFORMED"),
    ],
)
def test_a_record_of_one_person_or_no_record_is_refused(field: str, value: Any, code: str) -> None:
    """Also when it is loaded: a hand that writes one name twice has written no act of two."""
    with pytest.raises(InputRefused) as refused:
        replace(ACT, **{field: value})
    assert refused.value.code == code
    assert refused.value.expected
    assert refused.value.got
    assert refused.value.remedy


def test_the_bounds_of_a_record_are_good() -> None:
    """1,000, 500 and 100 characters are not too many."""
    replace(ACT, summary="x" * 1000, reason="x" * 500, approved_by="x" * 100)


@pytest.mark.parametrize("step", range(1, 6))
def test_a_failing_disk_leaves_the_old_file(tmp_path: Path, step: int) -> None:
    """Create, write, fsync, rename and the folder's fsync: each failure is told with its code; before the
    rename the old content stands, after it the new one, and nothing is left over.
    """
    from revocation.authority_file import replace_file

    path = file_in(tmp_path)
    write_authorities(Authorities(()), path)
    old = path.read_bytes()
    disk = FailingDisk(step, persisted=False)
    with pytest.raises(OutsideFailed) as failed:
        replace_file(path, b"new", disk)
    assert failed.value.code == "AUTHORITIES_UNWRITABLE"
    assert path.read_bytes() == (old if step < 5 else b"new")
    assert [found.name for found in tmp_path.iterdir()] == [path.name]
    whole = ["create", "write", "sync_file", "rename", "sync_folder"]
    assert disk.steps == [*whole[:step], *(["remove"] if step < 5 else [])]


@pytest.mark.parametrize(
    ("field", "value", "good"),
    [
        ("serial_ceiling", -1, False),
        ("serial_ceiling", 0, True),
        ("serial_ceiling", 2**159 - 1, True),
        ("serial_ceiling", 2**159, False),
        ("signature_algorithms", frozenset(), False),
        ("kinds", {"1.2": "card-sign"}, True),
        ("kinds", {"1": "card-sign"}, False),
        ("kinds", {"3.1": "card-sign"}, False),
        ("kinds", {"1.02": "card-sign"}, False),
        ("kinds", {"1.2": "Card Sign"}, False),
        ("kinds", {"1.2": ""}, False),
    ],
)
def test_what_an_authority_may_say(field: str, value: Any, good: bool) -> None:
    """Bounds from both sides: a ceiling of 20 octets, at least one algorithm, OIDs in dotted decimal."""
    authority = authority_of()
    if good:
        assert getattr(replace(authority, **{field: value}), field) == value
    else:
        with pytest.raises(InputRefused) as refused:
            replace(authority, **{field: value})
        assert refused.value.code == "AUTHORITY_MALFORMED"


def test_what_is_no_row_is_refused_by_its_place(tmp_path: Path) -> None:
    """The field is named, what stood there is not."""
    content = json.loads(content_of(Authorities([authority_of()], version=1, acts=[ACT])))
    content["acts"][0]["approved_at"] = "a secret"
    with pytest.raises(InputRefused, match=r"at acts\.0\.approved_at") as refused:
        parse_authorities(json.dumps(content).encode())
    assert "secret" not in str(refused.value)


def _next_key() -> tuple[pki.CA, date]:
    """A CA whose second key begins on a day of its own, and that day."""
    made = small_ca(2)
    return made, jst_day(made.certificates[1].not_valid_before_utc)


@pytest.mark.parametrize("mode", list(CrlSigning))
def test_a_key_that_has_not_begun_signs_no_list(mode: CrlSigning) -> None:
    """A CA hands out its next key long before: until its first JST day the key before signs (for all, or only
    its own), and no list of the next one is expected; before the first key has begun there is none at all.
    """
    made, begins = _next_key()
    first, second = (generation.key_id.hex() for generation in made.generations)
    authority = made.authority(partitions=[partition(1)], crl_signing=mode)

    def signers(day: date) -> list[str]:
        found = authority.on(day)
        assert found is not None
        return [scope.signing_key for scope in found.expected_lists()]

    both = [first, second] if mode is CrlSigning.EACH_GENERATION else [second]
    assert signers(begins - timedelta(days=1)) == [first]
    assert signers(begins) == both
    assert signers(jst_day(made.certificates[0].not_valid_before_utc) - timedelta(days=1)) == []
    before = authority.on(begins - timedelta(days=1))
    assert before is not None
    assert before.newest.key_id.hex() == first
    assert before.on(begins) == authority.on(begins) == authority
    assert before.lineage_of(bytes.fromhex(second)) == authority.lineage_of(bytes.fromhex(second))
    assert before.generation(bytes.fromhex(second)) is not None
