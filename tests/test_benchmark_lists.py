"""The lists that the benchmarks generate: the same each time, read alike by us and by others."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from benchmarks.__main__ import main
from benchmarks.columns import MOST_ENTRIES, NO_REASON, Columns, columns_of, short_serials
from benchmarks.issuer import START, Issuer
from benchmarks.lists import Calendar, write_day, write_list
from benchmarks.workload import NAMES, load
from revocation.crl.decode import decode_certificate_list


def all_columns(calendar: Calendar, number: int, day: int) -> Columns:
    parts = list(calendar.columns(number, day))
    return Columns(*(np.concatenate([getattr(part, name) for part in parts]) for name in Columns.__slots__))


@pytest.mark.parametrize("key", ["rsa-2048", "p-256"])
@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_octets(name: str, key: str, tmp_path: Path) -> None:
    """Two generators of one seed write the same signed lists; another seed writes others."""
    digests = []
    for place, seed in enumerate((1, 1, 2)):
        calendar = Calendar(replace(load(name), seed=seed), 200)
        files, _ = write_day(Issuer(key, calendar.workload.lists), calendar, 3, tmp_path / str(place))
        digests.append([hashlib.sha256(file.read_bytes()).digest() for file in files])
    first, again, other = digests
    assert first == again
    assert not set(first) & set(other)


@pytest.mark.parametrize(
    ("name", "key"), [("short", "rsa-2048"), ("mixed", "p-256"), ("partitioned", "p-256")]
)
def test_cryptography_and_we_read_every_entry_as_it_was_meant(name: str, key: str, tmp_path: Path) -> None:
    """Serial, date and reason of each of 1,000 entries, the CRL number, and a signature that holds."""
    calendar = Calendar(load(name), 1000)
    issuer = Issuer(key, calendar.workload.lists)
    files, count = write_day(issuer, calendar, 1, tmp_path)
    seen = 0
    for number, file in enumerate(files, 1):
        columns = all_columns(calendar, number, 1)
        meant = list(zip(columns.serials(), columns.dates.tolist(), columns.reasons.tolist(), strict=True))
        theirs = x509.load_der_x509_crl(file.read_bytes())
        assert theirs.is_signature_valid(issuer.key.public_key())
        assert theirs.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 2
        assert [
            (
                entry.serial_number.to_bytes(entry.serial_number.bit_length() // 8 + 1, "big"),
                int(entry.revocation_date_utc.timestamp()),
                reason_of(entry),
            )
            for entry in theirs
        ] == meant
        ours = decode_certificate_list(file.read_bytes())
        assert [
            (entry.serial, int(entry.revocation_date.timestamp()), entry.reason) for entry in ours.entries
        ] == meant
        seen += len(meant)
    assert seen == count == calendar.count(1)


def reason_of(entry: x509.RevokedCertificate) -> int:
    numbers = {
        x509.ReasonFlags.key_compromise: 1,
        x509.ReasonFlags.affiliation_changed: 3,
        x509.ReasonFlags.superseded: 4,
        x509.ReasonFlags.cessation_of_operation: 5,
        x509.ReasonFlags.certificate_hold: 6,
    }
    for extension in entry.extensions:
        assert isinstance(extension.value, x509.CRLReason)
        return numbers[extension.value.reason]
    return NO_REASON


@pytest.mark.parametrize("key", ["rsa-2048", "p-256"])
def test_openssl_verifies_what_was_generated(key: str, tmp_path: Path) -> None:
    """The command writes a list that OpenSSL finds signed by the CA beside it."""
    arguments = ["generate", "mixed", str(tmp_path), "--entries", "1000", "--day", "2", "--key", key]
    assert main(arguments) == 0
    command = ["openssl", "crl", "-inform", "DER", "-in", str(tmp_path / "00001.crl"), "-noout"]
    done = subprocess.run(
        [*command, "-CAfile", str(tmp_path / "ca.pem")], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.strip()) == (0, "verify OK")


def test_a_written_list_may_be_linked(tmp_path: Path) -> None:
    """Mode 0444, and a list of the same name is a new file, so that no link to the old one changes."""
    calendar, issuer = Calendar(load("short"), 500), Issuer("p-256", 1)
    file, link = tmp_path / "list.crl", tmp_path / "link.crl"
    write_list(issuer, calendar, 1, 0, file)
    os.link(file, link)
    before = link.read_bytes()
    write_list(issuer, calendar, 1, 1, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o444
    assert (link.read_bytes(), link.stat().st_nlink) == (before, 1)
    assert file.read_bytes() != before


def test_an_entry_does_not_depend_on_the_stretch_it_is_made_in() -> None:
    """Entries made in chunks are those made at once, over the boundary of a chunk too."""
    workload = replace(load("mixed"), leaving_per_day=0.0)
    calendar = Calendar(workload, 70_000)
    chunks = all_columns(calendar, 1, 0)
    whole = columns_of(workload, np.arange(70_000, dtype=np.uint64), chunks.dates)
    assert chunks.serials() == whole.serials()
    assert bytes(chunks.reasons) == bytes(whole.reasons)
    assert (np.diff(chunks.dates) >= 0).all()
    assert chunks.dates[-1] < START.timestamp()


def test_the_workloads_have_the_shares_that_they_state(tmp_path: Path) -> None:
    """Long serials, missing reasons, and 35.6 octets an entry where all serials have 4 octets."""
    calendar = Calendar(load("mixed"), 100_000)
    mixed = all_columns(calendar, 1, 0)
    assert np.mean(mixed.octets > 4) == pytest.approx(0.3, abs=0.01)
    assert set(np.unique(mixed.octets)) == {4, *range(8, 21)}
    assert np.mean(mixed.reasons == NO_REASON) == pytest.approx(0.1, abs=0.01)
    file = tmp_path / "list.crl"
    count = write_list(Issuer("p-256", 1), Calendar(load("short"), 100_000), 1, 0, file)
    assert file.stat().st_size / count == pytest.approx(35.6, abs=0.1)


def test_no_serial_comes_twice_and_none_of_the_unlisted_is_listed() -> None:
    """4-octet serials are a permutation: positive, minimal, distinct, in no order, to the last there is."""
    numbers = np.arange(200_000, dtype=np.uint64)
    serials = short_serials(numbers, 7)
    assert len(np.unique(serials)) == len(serials)
    assert (serials >= 0x0080_0000).all()
    assert (serials < 0x8000_0000).all()
    assert 0.4 < np.mean(np.diff(serials.astype(np.int64)) > 0) < 0.6
    last = short_serials(np.array([MOST_ENTRIES - 1], dtype=np.uint64), 7)
    assert 0x0080_0000 <= int(last[0]) < 0x8000_0000
    calendar = Calendar(load("mixed"), 50_000)
    listed = set(all_columns(calendar, 1, 5).serials())
    others = columns_of(calendar.workload, calendar.unlisted(0, 50_000), np.zeros(50_000, dtype=np.int64))
    assert len(listed) > 50_000
    assert not listed & set(others.serials())


def test_a_day_adds_and_releases_as_the_workload_says() -> None:
    """The next day's list: 0.06 % more at its end, a few gone, all others in their order."""
    calendar = Calendar(load("short"), 100_000)
    before, after = (all_columns(calendar, 1, day).serials() for day in (0, 1))
    joined, left = set(after) - set(before), set(before) - set(after)
    assert len(joined) == 60
    assert 1 <= len(left) <= 20
    assert after == [serial for serial in before if serial not in left] + after[-60:]


def test_of_many_lists_a_twentieth_changes_and_all_are_signed_anew(tmp_path: Path) -> None:
    """1,900 lists at full size, fewer where entries are few; no serial is on two of them."""
    assert Calendar(load("partitioned"), 100_000).workload.lists == 1900
    calendar = Calendar(load("partitioned"), 5_000)
    lists = calendar.workload.lists
    assert lists == 100
    issuer = Issuer("p-256", lists)
    days = [[all_columns(calendar, n, day).serials() for n in range(1, lists + 1)] for day in (0, 1)]
    assert sum(a != b for a, b in zip(*days, strict=True)) == 5
    together = [serial for one in days[1] for serial in one]
    assert len(set(together)) == len(together) >= 5_000
    first, second = (write_day(issuer, calendar, day, tmp_path / str(day))[0] for day in (0, 1))
    assert all(a.read_bytes() != b.read_bytes() for a, b in zip(first, second, strict=True))
    assert issuer.authority().partitions[41].distribution_point == issuer.points[41]


def test_a_list_without_entries_has_no_field_for_them(tmp_path: Path) -> None:
    """RFC 5280 section 5.1.2.6: revokedCertificates is absent, and the list is signed as any other."""
    calendar = Calendar(replace(load("partitioned"), list_size_sigma=9.0), 500)
    issuer = Issuer("p-256", calendar.workload.lists)
    empty = [
        n for n in range(1, calendar.workload.lists + 1) if not len(next(calendar.chunks(n, 0), [()])[0])
    ]
    assert empty
    file = tmp_path / "list.crl"
    assert write_list(issuer, calendar, empty[0], 0, file) == 0
    theirs = x509.load_der_x509_crl(file.read_bytes())
    assert theirs.is_signature_valid(issuer.key.public_key())
    assert len(theirs) == 0
    assert decode_certificate_list(file.read_bytes()).entries.count == 0


def test_the_issuer_is_the_same_each_time() -> None:
    """Key and certificate come out alike, so lists of two runs verify under one authority."""
    for key in ("rsa-2048", "p-256"):
        first, again = (Issuer(key, 1).certificate().public_bytes(Encoding.DER) for _ in range(2))
        assert first == again
