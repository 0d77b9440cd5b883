"""``--serial-ceiling``: what its owner knows of serial numbers that no CA given has issued."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from platform_api.cli import app
from revocation.exits import Misused
from tests import pki
from tests.responder.running import GOOD, REVOKED, crl
from tests.responder.worlds import given, made, word


def test_above_the_ceiling_nothing_is_good(tmp_path: Path) -> None:
    """A serial above is unknown; the ceiling itself is good, and what a list names above it stays revoked."""
    ca = pki.make_ca(generations=1, kind="p256", first_key=300)
    usual = given(tmp_path, [ca], {"ca.crl": crl(ca)})
    world = made(replace(usual, serial_ceiling=GOOD))
    assert [word(world, ca, serial) for serial in (GOOD, GOOD + 1, 2**100)] == [
        "GOOD",
        "NOT_ISSUED",
        "NOT_ISSUED",
    ]
    assert word(made(usual), ca, GOOD + 1) == "GOOD"
    assert word(made(replace(usual, serial_ceiling=1)), ca, REVOKED) == "REVOKED"


@pytest.mark.parametrize("text", ["", "-1", "0x10", "G"])
def test_a_ceiling_is_hexadecimal_digits(tmp_path: Path, text: str) -> None:
    """Anything else is a wrong command line, and is not repeated."""
    files = [tmp_path / name for name in ("ca", "crl", "signer", "key")]
    words = [
        f"--{name}={path}" for name, path in zip(("ca", "crl", "signer", "signer-key"), files, strict=True)
    ]
    result = CliRunner().invoke(app, ["responder", *words, f"--serial-ceiling={text}"])
    assert isinstance(result.exception, Misused)
    assert "--serial-ceiling" in str(result.exception)
