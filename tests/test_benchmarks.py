"""The benchmark's form and its data. No test here asserts a time or a ratio: those are for people to read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509

from benchmarks.__main__ import main
from benchmarks.core import FIGURES
from benchmarks.workloads import Workload

ROOT = Path(__file__).parents[1]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_every_figure_is_measured_and_the_last_line_has_the_agreed_form() -> None:
    """With a tiny list, all figures come, and the last line is one object with the same names throughout."""
    done = run("core", "--entries", "300", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    members = ["benchmark", "entries", "ratios", "better", "targets", "gates", "spread", "machine"]
    assert list(report) == members
    assert (report["benchmark"], report["entries"]) == ("core", 300)
    for member in ("ratios", "better", "targets", "gates", "spread"):
        assert list(report[member]) == list(FIGURES), member
    assert all(ratio > 0 for ratio in report["ratios"].values())
    assert all(spread >= 0 for spread in report["spread"].values())
    for name, better in report["better"].items():
        tighter = report["targets"][name] - report["gates"][name]
        assert tighter > 0 if better == "higher" else tighter < 0, name
    assert report["machine"]["pairs"] >= 5


def test_only_the_named_figures_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    """--only leaves the others out, in the report and in the table."""
    assert main(["core", "--entries", "300", "--only", "lookup_miss_vs_dict", "--json"]) == 0
    output = capsys.readouterr().out
    assert list(json.loads(output.splitlines()[-1])["ratios"]) == ["lookup_miss_vs_dict"]
    assert "decode_vs_sha256" not in output


@pytest.mark.parametrize(
    "arguments", [["--only", "no_such_figure"], ["--entries", "0"], ["--entries", "many"], ["--only"]]
)
def test_what_cannot_be_measured_is_a_usage_error(arguments: list[str]) -> None:
    """A wrong name or number is refused with exit code 2 before anything is measured."""
    with pytest.raises(SystemExit) as refused:
        main(["core", *arguments])
    assert refused.value.code == 2


def test_the_same_seed_gives_the_same_octets() -> None:
    """Two workloads of one seed write the same signed list; another seed writes another."""
    first, again, other = (Workload(200, 1, seed=seed).certificate_list(1) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_cryptography_reads_the_list_that_the_generator_wrote() -> None:
    """The neighbour sees every serial, 4 octets each, most with a reason, under a valid signature."""
    workload = Workload(500, 200)
    found = x509.load_der_x509_crl(workload.certificate_list(150))
    key = workload.authority().newest.certificate.public_key()
    assert found.is_signature_valid(key)  # type: ignore[arg-type]
    assert [entry.serial_number.to_bytes(4, "big") for entry in found] == workload.listed(150)
    assert found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 151
    assert 0.8 < sum(bool(len(entry.extensions)) for entry in found) / 500 < 0.98
