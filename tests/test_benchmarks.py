"""The benchmarks' form and their data. No test asserts a time or a ratio: those are for people to read."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import defusedxml.ElementTree
import pytest

from benchmarks import __main__ as command_line
from benchmarks import instructions
from benchmarks.__main__ import main
from benchmarks.core import BARS
from benchmarks.counted import NAMES as COUNTED
from benchmarks.issuer import Issuer
from benchmarks.lists import Calendar, write_list
from benchmarks.measuring import Figure, ratio
from benchmarks.ocsp_bars import OCSP_BARS, OCSP_WORDS
from benchmarks.ocsp_figures import GROUPS
from benchmarks.plot import svg_of
from benchmarks.tables import WORDS, markdown_of, table_of
from benchmarks.walking import entries_of
from benchmarks.workload import load

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


def test_the_batch_of_the_checker() -> None:
    """A tiny batch: both neighbours agree with what each case was made for, and the last line is JSON."""
    done = run("checker", "--cases", "20", "--pairs", "1", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["benchmark"], found["cases"]) == ("checker", 20)
    assert (
        set(found["ratios"])
        == {"check_vs_openssl_verify", "check_vs_bare_signatures"}
        == set(found["spread"])
    )
    assert found["peak_octets"] > 0 < found["seconds"]


@pytest.mark.slow
def test_a_figure_of_ocsp_has_the_same_form() -> None:
    """One figure, by the product as it is served: the last line has the members of the core's."""
    done = run("ocsp", "--only", "nonce_p256_vs_openssl_speed", "--seconds", "1", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert list(found) == MEMBERS
    assert found["benchmark"] == "ocsp"
    assert list(found["ratios"]) == ["nonce_p256_vs_openssl_speed"]
    assert found["ratios"]["nonce_p256_vs_openssl_speed"] > 0
    assert found["machine"]["a_million_answers"]["answers"] >= 1_000_000


@pytest.mark.slow
def test_a_whole_night_is_measured_step_by_step() -> None:
    """With few people: the night is its three steps, each process is weighed, every life event is counted."""
    done = run("night", "--residents", "300", "--customers", "20", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["benchmark"], found["residents"], found["customers"]) == ("night", 300, 20)
    steps = ("sandbox_signs_day_1", "night_1", "four_items")
    assert found["night_seconds"] == pytest.approx(sum(found["seconds"][step] for step in steps), abs=0.05)
    assert sum(found["shares"].values()) == pytest.approx(1, abs=0.01)
    assert all(octets > 0 for octets in found["peak_octets"].values())
    assert found["counts"]["lists"] == 240


def test_each_figure_of_ocsp_is_measured_once_and_has_its_words() -> None:
    """The groups hold every figure of the table exactly once, and each is explained."""
    measured = [name for members, _ in GROUPS for name in members]
    assert sorted(measured) == sorted(OCSP_BARS)
    assert list(OCSP_WORDS) == list(OCSP_BARS)
