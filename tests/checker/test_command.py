"""``python -m revocation check`` as people and scripts meet it: words, drawing, exit codes, stops."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from revocation.__main__ import main
from revocation.check_arguments import TOLERATED
from revocation.checker.lists import TOLERANCES
from tests import pki
from tests.pki import T0, entry, seq

SERIAL = 99
AT = "2026-11-20T12:00:00+09:00"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a CA, certificates and lists."""
    ca = pki.make_ca(generations=1, kind="p256", first_key=42)
    signer = ca.generations[0]
    files = {
        "ca.pem": ca.certificates[0].public_bytes(Encoding.PEM),
        "leaf.pem": pki.issue(ca, serial=SERIAL).public_bytes(Encoding.PEM),
        "old.pem": pki.issue(ca, serial=1, not_after=T0 - timedelta(days=1)).public_bytes(Encoding.PEM),
        "empty.crl": pki.build_crl(signer, dn=ca.subject),
        "full.crl": pki.build_crl(signer, dn=ca.subject, entries=[entry(SERIAL, reason=6)], number=2),
        "delta.crl": pki.build_crl(
            signer, dn=ca.subject, entries=[entry(SERIAL, reason=8)], number=3, delta_base=1
        ),
        "indirect.crl": pki.build_crl(signer, dn=ca.subject, idp=seq(b"\x83\x02\x05\x60", b"\x84\x01\xff")),
        "page.crl": b"<html>",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def asked(*lists: str, cert: str = "leaf.pem", more: tuple[str, ...] = ()) -> list[str]:
    arguments = ["check", "--trust", "ca.pem", "--cert", cert, "--at", AT, *more]
    return [*arguments, *(part for one in lists for part in ("--crl", one))]


@pytest.mark.parametrize(
    ("lists", "cert", "status", "code"),
    [
        (("empty.crl",), "leaf.pem", "good", 0),
        (("full.crl",), "leaf.pem", "revoked", 10),
        ((), "leaf.pem", "unknown", 11),
        (("page.crl",), "leaf.pem", "malformed", 11),
        (("empty.crl",), "old.pem", "expired-cert", 12),
        (("empty.crl",), "empty.crl", "path-invalid", 12),
        (("full.crl", "delta.crl"), "leaf.pem", "good", 0),
    ],
)
@pytest.mark.usefixtures("folder")
def test_status_and_exit_code(
    lists: tuple[str, ...], cert: str, status: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only good ends with 0, so a script that asks nothing else is safe; JSON says the same."""
    assert main(asked(*lists, cert=cert)) == code
    assert capsys.readouterr().out.split()[0] == status
    assert main(asked(*lists, cert=cert, more=("--json",))) == code
    found = json.loads(capsys.readouterr().out)
    assert (found["status"], len(found["lists"])) == (status, len(lists))


@pytest.mark.usefixtures("folder")
def test_the_report_of_one_case(capsys: pytest.CaptureFixture[str]) -> None:
    """The path, and every list with what it is and why it was not of use."""
    main(asked("full.crl", "delta.crl", "indirect.crl", "page.crl", more=("--json",)))
    found = json.loads(capsys.readouterr().out)
    assert found["at"] == AT
    assert [(one["certificate"], one["status"]) for one in found["path"]] == [(0, "good")]
    forms = {one["file"]: (one["form"], one["current"]) for one in found["lists"]}
    assert forms == {
        "full.crl": ("complete", True),
        "delta.crl": ("delta", True),
        "indirect.crl": ("complete indirect partial", True),
        "page.crl": (None, False),
    }
    assert "LIST_IS_HTML" in found["lists"][-1]["refused"]


@pytest.mark.usefixtures("folder")
def test_the_drawing(capsys: pytest.CaptureFixture[str]) -> None:
    """From the trust anchor down to the certificate; no serial anywhere."""
    main(asked("full.crl", "page.crl"))
    text = capsys.readouterr().out
    lines = text.splitlines()
    assert lines[0] == "revoked (certificateHold)"
    drawn = lines.index("  trust anchor")
    assert lines[drawn + 1].startswith("  └─ certificate: revoked (certificateHold)  ON_HOLD")
    assert any(line.startswith("  full.crl: complete, number 2, 1 entries, current") for line in lines)
    assert any("page.crl: malformed  LIST_IS_HTML" in line for line in lines)
    assert f"{SERIAL:x}" not in text.replace("certificateHold", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["check"],
        ["check", "--cert", "leaf.pem"],
        ["check", "--trust", "ca.pem"],
        ["check", "--batch", "cases.jsonl", "--cert", "leaf.pem"],
        ["check", "--trust", "ca.pem", "--cert", "leaf.pem", "--output", "answers.jsonl"],
    ],
)
@pytest.mark.usefixtures("folder")
def test_words_that_do_not_go_together(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Usage, exit code 2, and where to read on."""
    assert main(arguments) == 2
    assert "check --help" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changed", "code", "error"),
    [
        (("--at", "yesterday"), 5, "TIME_MALFORMED"),
        (("--at", "2026-11-20"), 5, "TIME_MALFORMED"),
        (("--tolerate", "all"), 5, "TOLERANCE_UNKNOWN"),
        (("--crl", "missing.crl"), 6, "FILE_UNREADABLE"),
        (("--crl", "."), 6, "FILE_UNREADABLE"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_cannot_be_asked(
    changed: tuple[str, ...], code: int, error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """No status then, but an error with its fixed exit code; JSON on standard output too."""
    assert main(asked("empty.crl", more=(*changed, "--json"))) == code
    assert json.loads(capsys.readouterr().out)["error"] == error


@pytest.mark.usefixtures("folder")
def test_a_tolerance(capsys: pytest.CaptureFixture[str]) -> None:
    """Named by the refusal, given by its name; the names of the help are those that exist."""
    assert set(TOLERATED) == {str(one) for one in TOLERANCES}
    ca = pki.make_ca(generations=1, kind="p256", first_key=42)
    Path("bare.crl").write_bytes(pki.build_crl(ca.generations[0], dn=ca.subject, number=None))
    assert main(asked("bare.crl")) == 11
    assert "tolerance missing_crl_number" in capsys.readouterr().out
    assert main(asked("bare.crl", more=("--tolerate", "missing_crl_number"))) == 0
    cases = _cases(Path.cwd(), 1, crls=["bare.crl"])
    capsys.readouterr()
    assert main(["check", "--batch", str(cases)]) == 0
    assert main(["check", "--batch", str(cases), "--tolerate", "missing_crl_number"]) == 0
    assert [json.loads(one)["status"] for one in capsys.readouterr().out.splitlines()] == ["unknown", "good"]


def _cases(folder: Path, count: int, **changed: Any) -> Path:
    rows = [
        {"id": n, "trust": ["ca.pem"], "crls": ["full.crl" if n % 2 else "empty.crl"], "cert": "leaf.pem"}
        for n in range(count)
    ]
    path = folder / "cases.jsonl"
    path.write_text(
        "".join(json.dumps({**row, "at": AT, **changed}) + "\n" for row in rows), encoding="utf-8"
    )
    return path


def test_a_batch_goes_on_where_it_was_stopped(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--output holds whole lines; half a line is written anew, and no case is asked twice or left out."""
    cases = _cases(folder, 9)
    assert main(["check", "--batch", str(cases), "--output", "whole"]) == 0
    whole = Path("whole").read_bytes()
    assert len(whole.splitlines()) == 9
    for cut in (0, 1, len(whole) // 2, whole.index(b"\n") + 1, len(whole) - 1, len(whole)):
        Path("part").write_bytes(whole[:cut])
        assert main(["check", "--batch", str(cases), "--output", "part"]) == 0
        assert Path("part").read_bytes() == whole
    assert "answers are there already" in capsys.readouterr().err


@pytest.mark.parametrize("there", [b"notes of mine\n", b"[]\n", b'{"id":5}\n', b'{"id":5,"status":"good"}\n'])
def test_an_output_of_something_else(folder: Path, there: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that holds no answers to these cases is left as it is."""
    Path("out").write_bytes(there)
    assert main(["check", "--batch", str(_cases(folder, 2)), "--output", "out"]) == 5
    assert "OUTPUT_OF_OTHER_CASES" in capsys.readouterr().err
    assert Path("out").read_bytes() == there


def test_a_second_copy_of_the_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two runs never write one output; killed in the middle, the first leaves it to the next."""
    cases, out = _cases(folder, 10_000), folder / "out"
    with _started(folder, "--batch", str(cases), "--output", "out") as process:
        until = time.monotonic() + 30
        while not (out.exists() and out.stat().st_size > 1000) and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(signal.SIGSTOP)
        assert main(["check", "--batch", str(cases), "--output", "out"]) == 5
        assert "OUTPUT_IN_USE" in capsys.readouterr().err
        process.kill()
    assert main(["check", "--batch", str(cases), "--output", "out"]) == 0
    assert [json.loads(one)["id"] for one in out.read_bytes().splitlines()] == list(range(10_000))


def test_a_batch_with_a_line_that_has_no_status(folder: Path) -> None:
    """Exit code 4, and every other line answered; going on says it again."""
    cases = _cases(folder, 3)
    cases.write_bytes(b"nonsense\n" + cases.read_bytes())
    assert main(["check", "--batch", str(cases), "--output", "out"]) == 4
    assert [json.loads(one)["status"] for one in Path("out").read_bytes().splitlines()] == [
        None,
        "good",
        "revoked",
        "good",
    ]
    assert main(["check", "--batch", str(cases), "--output", "out"]) == 4


def _started(folder: Path, *arguments: str, **how: Any) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error", "-m", "revocation", "check", *arguments]
    # A suite that was started in the background has SIGINT ignored, and its children would inherit that.
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen(
        command, cwd=folder, env=environment, stderr=subprocess.PIPE, preexec_fn=heard, **how
    )


def test_cases_from_a_pipe(folder: Path) -> None:
    """- is standard input: an answer comes when its line has come, not when the input ends."""
    line = json.dumps({"trust": ["ca.pem"], "crls": ["full.crl"], "cert": "leaf.pem", "at": AT}).encode()
    with _started(folder, "--batch", "-", stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(2):
            process.stdin.write(line + b"\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["status"] == "revoked"
        process.stdin.close()
        assert process.wait(30) == 0


def test_ctrl_c_leaves_whole_lines(folder: Path) -> None:
    """130, one sentence, and an output that the same command finishes."""
    cases, out = _cases(folder, 10_000), folder / "out"
    with _started(folder, "--batch", str(cases), "--output", "out") as process:
        until = time.monotonic() + 30
        while not (out.exists() and out.stat().st_size > 1000) and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"INTERRUPTED" in said
    assert b"Traceback" not in said
    with _started(folder, "--batch", str(cases), "--output", "out") as process:
        assert process.wait(60) == 0
    assert [json.loads(one)["id"] for one in out.read_bytes().splitlines()] == list(range(10_000))


def test_a_reader_that_has_enough(folder: Path) -> None:
    """``| head -1``: no traceback, no error."""
    with _started(folder, "--batch", str(_cases(folder, 2000)), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait(30) == 0
