"""``python -m tests.mutation [MODULE ...] [--json]``: change the deciding code, see whether a test notices.

Works on a copy of the tree in a temporary folder, so nothing that goes on in the tree disturbs it. Each group
is mutated together and tried against its own tests. Ends with 1 where a group is below the bar. Which
survivors are left, and why, is told in SURVIVORS.md beside this file.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: Percent of the mutants that must be noticed (a time-out is noticed too).
BAR = 95.0


@dataclass(frozen=True)
class Group:
    """Modules that decide together, and the tests that must notice a change in them."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]


GROUPS = {
    "acceptance": Group(
        (
            "revocation/crl/accept.py",
            "revocation/crl/scope.py",
            "revocation/crl/verify.py",
            "revocation/crl/signer.py",
            "revocation/crl/algorithms.py",
            "revocation/crl/sniff.py",
        ),
        (
            "tests/revocation/test_accept*.py",
            "tests/revocation/test_verify*.py",
            "tests/revocation/test_sniff.py",
        ),
    ),
    "status": Group(
        ("revocation/status.py", "revocation/coverage.py", "revocation/mergers.py", "revocation/answers.py"),
        (
            "tests/revocation/test_status*.py",
            "tests/revocation/test_answers.py",
            "tests/revocation/test_authorities_partitions.py",
            "tests/revocation/test_mergers.py",
            "tests/revocation/test_clock_cases.py",
            "tests/revocation/test_superseded.py",
        ),
    ),
    "changes": Group(("revocation/changes.py",), ("tests/revocation/test_changes*.py",)),
    "freshness": Group(
        ("revocation/metrics.py", "revocation/freshness_report.py"),
        (
            "tests/revocation/test_metrics.py",
            "tests/revocation/test_freshness_report.py",
            "tests/revocation/test_clock_cases.py",
        ),
    ),
    "ocsp": Group(
        (
            "revocation/ocsp/responder.py",
            "revocation/ocsp/judging.py",
            "revocation/ocsp/requestors.py",
            "revocation/ocsp/responder_certificates.py",
            "revocation/ocsp/signing.py",
            "revocation/ocsp/signer_expiry.py",
        ),
        (
            "tests/revocation/test_ocsp.py",
            "tests/revocation/test_ocsp_bad_inputs.py",
            "tests/revocation/test_ocsp_requests.py",
            "tests/revocation/test_ocsp_several.py",
            "tests/revocation/test_ocsp_signed_requests.py",
            "tests/revocation/test_ocsp_signers.py",
            "tests/revocation/test_ocsp_turns.py",
            "tests/revocation/test_clock_cases.py",
        ),
    ),
    "publish": Group(
        ("revocation/snapshot/publish.py", "revocation/snapshot/plan.py", "revocation/snapshot/retention.py"),
        (
            "tests/revocation/test_set*.py",
            "tests/revocation/test_retention.py",
            "tests/revocation/test_damaged_sets.py",
            "tests/revocation/test_publish*.py",
            "tests/revocation/test_carry.py",
            "tests/revocation/test_holds_end.py",
            "tests/revocation/test_key_change.py",
            "tests/revocation/test_renumbering.py",
            "tests/revocation/test_superseded.py",
        ),
    ),
    "checker": Group(
        (
            "revocation/checker/deltas.py",
            "revocation/checker/judging.py",
            "revocation/checker/paths.py",
            "revocation/checker/scope.py",
            "revocation/checker/signers.py",
            "revocation/checker/verdict.py",
            "revocation/crl/applies.py",
            "revocation/crl/issuers.py",
        ),
        # The steps alone: what OpenSSL and pyhanko say of whole hierarchies is asked elsewhere, and slowly.
        (
            "tests/checker/test_applies.py",
            "tests/checker/test_deltas*.py",
            "tests/checker/test_issuers.py",
            "tests/checker/test_judging*.py",
            "tests/checker/test_paths.py",
            "tests/checker/test_scope.py",
            "tests/checker/test_sentences.py",
            "tests/checker/test_signers*.py",
            "tests/checker/test_verdict.py",
        ),
    ),
}
NOTICED = {"killed", "timeout", "segfault", "caught by type check"}


def _copy(folder: Path, group: Group) -> None:
    """The tree as it is now, with mutmut's settings for this group."""
    ignored = shutil.ignore_patterns("__pycache__", ".hypothesis", "*.c")
    for name in ("revocation", "platform_api", "benchmarks", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    tests = sorted(str(path.relative_to(ROOT)) for pattern in group.tests for path in ROOT.glob(pattern))
    settings = {
        "source_paths": ["revocation"],
        "only_mutate": [module for module in group.modules if (ROOT / module).is_file()],
        "also_copy": ["revocation", "platform_api", "benchmarks"],
        "pytest_add_cli_args": ["-p", "tests.mutation.plugin", "-m", "not slow"],
        "pytest_add_cli_args_test_selection": tests,
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    text = (ROOT / "pyproject.toml").read_text()
    (folder / "pyproject.toml").write_text(text + "\n[tool.mutmut]\n" + "\n".join(lines) + "\n")


def _mutmut(folder: Path, *arguments: str, quiet: bool = False) -> str:
    # mutmut forks its workers; a colour or a width in the environment would only disturb what is read here.
    command = [sys.executable, "-m", "mutmut", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(folder), "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode and not quiet:
        sys.stderr.write(done.stdout[-3000:] + done.stderr[-3000:])
        raise SystemExit(2)
    return done.stdout


def run(name: str, modules: tuple[str, ...]) -> dict[str, object]:
    """One group, or the given modules of it; what came of it."""
    group = Group(modules or GROUPS[name].modules, GROUPS[name].tests)
    with tempfile.TemporaryDirectory(prefix="mutation-") as temporary:
        folder = Path(temporary)
        _copy(folder, group)
        _mutmut(folder, "run")
        found: dict[str, str] = {}
        for line in _mutmut(folder, "results", "--all", "true").splitlines():
            mutant, _, outcome = line.strip().rpartition(": ")
            if mutant:
                found[mutant] = outcome
        left = sorted(mutant for mutant, outcome in found.items() if outcome not in NOTICED)
        counts = Counter(found.values())
        return {
            "group": name,
            "modules": list(group.modules),
            "mutants": len(found),
            "outcomes": dict(counts),
            "noticed_percent": round(100 * (1 - len(left) / max(1, len(found))), 2),
            "survivors": {mutant: _mutmut(folder, "show", mutant, quiet=True) for mutant in left},
        }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("modules", nargs="*", help="paths of modules; default: all groups, whole")
    parser.add_argument("--group", choices=sorted(GROUPS), help="only this group")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")
    chosen = parser.parse_args()
    results: list[dict[str, object]] = []
    for name, group in GROUPS.items():
        modules = tuple(module for module in group.modules if module in chosen.modules)
        if (chosen.modules and not modules) or chosen.group not in {None, name}:
            continue
        result = run(name, modules)
        results.append(result)
        for mutant, difference in sorted(dict(result["survivors"]).items()):  # type: ignore[call-overload]
            print(f"--- {mutant}\n{difference}")
        seen = f"{result['noticed_percent']} % of {result['mutants']} noticed, {result['outcomes']}"
        print(f"{name}: {seen}", flush=True)
    if chosen.json:
        print(json.dumps({"mutation": results, "bar": BAR}))
    return 0 if results and all(float(str(one["noticed_percent"])) >= BAR for one in results) else 1


if __name__ == "__main__":
    sys.exit(main())
