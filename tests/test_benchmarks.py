"""The benchmarks' form and their data. No test asserts a time or a ratio: those are for people to read."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import defusedxml.ElementTree
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from benchmarks import __main__ as command_line
from benchmarks import instructions
from benchmarks.__main__ import main
from benchmarks.columns import MOST_ENTRIES, NO_REASON, Columns, columns_of, short_serials
from benchmarks.core import BARS
from benchmarks.counted import NAMES as COUNTED
from benchmarks.issuer import START, Issuer
from benchmarks.lists import Calendar, write_day, write_list
from benchmarks.measuring import Figure, ratio
from benchmarks.plot import svg_of
from benchmarks.tables import WORDS, markdown_of, table_of
from benchmarks.walking import entries_of
from benchmarks.workload import NAMES, load
from revocation.crl.decode import decode_certificate_list

ROOT = Path(__file__).parents[1]
MEMBERS = ["benchmark", "entries", "ratios", "better", "targets", "gates", "spread", "machine"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """Every figure and every other way, once, with lists that are far too small to say anything."""
    done = run("core", "--entries", "1000", "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_every_figure_is_measured_and_the_last_line_has_the_agreed_form(report: dict[str, Any]) -> None:
    """With a tiny list all fifteen figures come; the last line is one object with these names throughout."""
    assert list(report) == MEMBERS
    assert (report["benchmark"], report["entries"]) == ("core", 1000)
    assert len(BARS) == 15
    for member in ("ratios", "better", "targets", "gates", "spread"):
        assert list(report[member]) == list(BARS), member
    for name, found in report["ratios"].items():
        # Processes of so few entries stay below the 64 MB that are taken off.
        assert (found < 0) if name.startswith("rss_") else (found > 0), name
    assert all(spread >= 0 for spread in report["spread"].values())
    for name, better in report["better"].items():
        tighter = report["targets"][name] - report["gates"][name]
        assert tighter > 0 if better == "higher" else tighter < 0, name


def test_a_report_says_how_it_was_measured(report: dict[str, Any]) -> None:
    """Size, workload, number of lists and every single value stand beside each figure, and the other ways."""
    machine = report["machine"]
    assert machine["pairs"] >= 5
    for member in ("sizes", "workloads", "lists", "values"):
        assert list(machine[member]) == list(BARS), member
    assert machine["workloads"]["rss_mixed_bytes_per_entry"] == "mixed"
    assert machine["workloads"]["day_1900_lists_vs_sha256"] == "partitioned"
    timed = [name for name in BARS if "_vs_" in name]
    assert all(len(machine["values"][name]) == machine["pairs"] for name in timed)
    assert {"cryptography", "asn1crypto", "dict_get", "sqlite_get", "lmdb_get", "memcpy"} <= set(
        machine["neighbours"]
    )


def test_only_the_named_figures_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    """--only leaves the others out, in the report and in the table."""
    assert main(["core", "--entries", "300", "--only", "lookup_miss_vs_dict", "--json"]) == 0
    output = capsys.readouterr().out
    assert list(json.loads(output.splitlines()[-1])["ratios"]) == ["lookup_miss_vs_dict"]
    assert "decode_vs_sha256" not in output


@pytest.mark.parametrize(
    "arguments",
    [
        ["core", "--only", "no_such_figure"],
        ["core", "--entries", "0"],
        ["core", "--entries", "many"],
        ["core", "--only"],
        ["core", "--pairs", "4"],
        ["generate", "no_such_workload", "folder"],
        ["no_such_command"],
    ],
)
def test_what_cannot_be_measured_is_a_usage_error(arguments: list[str]) -> None:
    """A wrong name or number is refused with exit code 2 before anything is measured."""
    with pytest.raises(SystemExit) as refused:
        main(arguments)
    assert refused.value.code == 2


def test_ctrl_c_ends_a_run_and_leaves_nothing(tmp_path: Path) -> None:
    """SIGINT, though inherited as ignored: exit code 130, one sentence, and the temporary folder is gone."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks", "core", "--entries", "300000"],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    ) as running:
        assert running.stderr is not None
        assert running.stderr.readline().startswith("measuring ")
        running.send_signal(signal.SIGINT)
        said = running.stderr.read()
        assert running.wait(60) == 130
    assert said.startswith("INTERRUPTED: ")
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def test_the_child_that_is_weighed_imports_nothing_of_the_benchmark() -> None:
    """What numpy or the generator hold would count as ours: the child has neither."""
    program = "import sys, benchmarks.child; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    modules = set(done.stdout.split())
    assert "revocation.ingest" in modules
    assert {name for name in modules if name.split(".")[0] == "benchmarks"} == {
        "benchmarks",
        "benchmarks.child",
    }
    assert not {"numpy", "lmdb", "asn1crypto"} & modules


# --- the generator ---


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


# --- what is made of the measurements ---


def test_a_ratio_is_ours_by_theirs_and_its_spread_the_middle_half() -> None:
    """Median of the pairs' ratios; interquartile range / median; the inverse where more is better."""
    pairs = [(float(ours), 2.0) for ours in (2, 4, 6, 8, 10)]
    slower = ratio(pairs, 1, "short")
    assert (slower.middle, slower.spread) == (3.0, pytest.approx(2 / 3))
    assert ratio(pairs, 1, "short", higher_is_better=True).middle == pytest.approx(1 / 3)
    assert Figure((12.5,), 1, "short", {}).spread == 0


def test_the_walk_that_is_measured_takes_every_entry(tmp_path: Path) -> None:
    """Over several batches; a wrong number of entries is no figure."""
    calendar = Calendar(load("mixed"), 5_000)
    file = tmp_path / "list.crl"
    write_list(Issuer("p-256", 1), calendar, 1, 0, file)
    found = entries_of(file.read_bytes(), 5_000)
    assert len(found.batches) == 3
    found.walk()
    with pytest.raises(Exception, match="BENCHMARK_WRONG"):
        replace(found, count=4_999).walk()


def test_table_and_plot_show_every_figure(report: dict[str, Any], tmp_path: Path) -> None:
    """Terminal, Markdown and SVG name all of them; the plot hatches what is not at its target."""
    assert list(WORDS) == list(BARS)
    for text in (table_of(report), markdown_of(report), svg_of(report)):
        assert all(name in text for name in BARS)
    ratios = {name: bar.target for name, bar in BARS.items()} | {"diff_vs_memcpy": 1.6}
    drawn = svg_of(report | {"ratios": ratios})
    defusedxml.ElementTree.fromstring(drawn)
    assert drawn.count('fill="url(#behind)"') == 1
    kept = tmp_path / "core.json"
    kept.write_text(json.dumps(report))
    assert main(["plot", str(kept)]) == 0
    assert kept.with_suffix(".svg").read_text() == svg_of(report)


def test_the_readme_takes_its_tables_from_a_kept_run(
    report: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """table --write puts tables and plot between the marks, again and again, and touches nothing else."""
    readme, kept = tmp_path / "README.md", tmp_path / "results" / "core.json"
    kept.parent.mkdir()
    kept.write_text(json.dumps(report))
    original = (ROOT / "benchmarks" / "README.md").read_text()
    readme.write_text(original)
    monkeypatch.setattr(command_line, "_README", readme)
    for _ in range(2):
        assert main(["table", str(kept), "--write"]) == 0
        before, _, rest = readme.read_text().partition("<!-- results: ")
        within, _, after = rest.partition("<!-- end of results -->")
        assert (original.startswith(before), original.endswith(after)) == (True, True)
        assert markdown_of(report) in within
        assert "(results/core.svg)" in within


def test_a_kept_run_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 5 and a sentence, for a table as for a plot."""
    kept = tmp_path / "core.json"
    kept.write_text('{"benchmark": "something else"}')
    for command in ("table", "plot"):
        assert main([command, str(kept)]) == 5
        assert "RESULTS_MALFORMED" in capsys.readouterr().err


def test_instruction_counts_are_kept_for_every_loop() -> None:
    """The file in the repository has a count for each of them."""
    kept = json.loads((ROOT / "benchmarks" / "instructions.json").read_text())
    assert list(kept["instructions"]) == list(COUNTED)
    assert all(count > 0 for count in kept["instructions"].values())
    assert kept["surroundings"]["architecture"]


@pytest.mark.parametrize(("growth", "code"), [(1.04, 0), (1.06, 1), (0.5, 0)])
def test_growth_of_more_than_a_twentieth_fails(
    growth: float, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--check is 1 where one count grew by more than 5 %, and 0 where all shrank."""
    counts = dict.fromkeys(COUNTED, 100.0)
    monkeypatch.setattr(instructions, "FILE", tmp_path / "instructions.json")
    monkeypatch.setattr(instructions, "measured", lambda: counts)
    assert main(["instructions"]) == 0
    monkeypatch.setattr(instructions, "measured", lambda: counts | {"get_hit": 100 * growth})
    assert main(["instructions", "--check"]) == code


def test_counts_of_another_compiler_are_not_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They would differ without any change of ours: refused, with exit code 5."""
    kept = tmp_path / "instructions.json"
    monkeypatch.setattr(instructions, "FILE", kept)
    monkeypatch.setattr(instructions, "measured", lambda: dict.fromkeys(COUNTED, 100.0))
    assert main(["instructions"]) == 0
    row = json.loads(kept.read_text())
    row["surroundings"]["compiler"] = "another"
    kept.write_text(json.dumps(row))
    assert main(["instructions", "--check"]) == 5
    assert "INSTRUCTIONS_FROM_ELSEWHERE" in capsys.readouterr().err
