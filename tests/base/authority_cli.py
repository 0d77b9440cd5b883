"""``jpki authority`` run in this process, as a shell would run it, with a real-looking CA in files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from typer.main import get_command

from platform_api.cli import app
from platform_api.cli.output import fail
from revocation.errors import RevocationError
from tests import pki
from tests.revocation.acting import REAL_DN

KIND = "1.2.392.200149.8.5.1.1.20=card-sign"


@cache
def _jpki() -> Any:
    return get_command(app)


@dataclass(frozen=True)
class Answer:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out.splitlines()[-1])


class Shell:
    """A folder to work in, and the command."""

    def __init__(
        self,
        folder: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        group: str = "authority",
    ) -> None:
        self._group = group
        self.folder = folder
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        monkeypatch.chdir(folder)

    def mode(self, mode: str) -> None:
        self._monkeypatch.setenv("JPKI_MODE", mode)

    def __call__(self, *words: str) -> Answer:
        """As ``platform_api.cli.main`` does it; the command is built once (typer takes 80 ms for it)."""
        self._capsys.readouterr()
        try:
            _jpki()([self._group, *words])
        except SystemExit as ended:
            code = int(ended.code or 0)
        except RevocationError as error:
            code = fail(error, as_json="--json" in words)
        said = self._capsys.readouterr()
        return Answer(code, said.out, said.err)

    def as_json(self, *words: str) -> Any:
        answer = self(*words, "--json")
        assert answer.code == 0, answer.err
        return answer.json

    def done(self, *words: str) -> Any:
        """Proposed by Sato, approved by Suzuki."""
        proposal = self.as_json(*words, "--by", "Sato")
        return self.as_json("approve", proposal["proposal_id"], "--by", "Suzuki")


def real_ca(generations: int = 3) -> pki.CA:
    """Under the name that the real CA has; not a test's."""
    return pki.make_ca(REAL_DN, generations, kind="p256", first_key=20)


def write_files(folder: Path, ca: pki.CA, *, partitions: int = 3) -> list[str]:
    """g1.pem, g2.pem ..., points.csv; the certificates' fingerprints as OpenSSL prints them."""
    fingerprints = []
    for number, certificate in enumerate(ca.certificates, 1):
        (folder / f"g{number}.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
        digest = certificate.fingerprint(SHA256()).hex().upper()
        fingerprints.append(":".join(digest[at : at + 2] for at in range(0, 64, 2)))
    lines = [f'"CN=City-{n} CRLDP,OU=Tokyo-to,O=JPKI,C=JP",City-{n}\n' for n in range(1, partitions + 1)]
    (folder / "points.csv").write_text("distribution_point,label\n" + "".join(lines))
    return fingerprints


FOUND = ("add", "card-sign", "g1.pem", "g2.pem", "--kind", KIND, "--partitions", "points.csv")
