"""What a client is asked to do: one table of cases, and what each client cannot do of it, by name."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from pathlib import Path

import pytest


class Status(StrEnum):
    """What the set says of the certificate."""

    GOOD = "good"
    REVOKED = "revoked"
    #: Revoked with certificateHold (RFC 5280 section 5.3.1); most clients tell no reason and say revoked.
    HOLD = "hold"
    #: Never issued: its serial lies above the CA's ceiling.
    UNKNOWN = "unknown"


class Trust(StrEnum):
    """How the client comes to trust the responder's certificate (RFC 6960 section 4.2.2.2)."""

    LOCAL = "local"
    DELEGATED = "delegated"


class Kind(StrEnum):
    """The keys of CA, responder and certificates."""

    RSA = "rsa"
    P256 = "p256"


@dataclass(frozen=True, slots=True)
class Case:
    """One question: by which method, with which CertID hash, with a nonce or not, about what, trusted how."""

    kind: Kind
    trust: Trust
    method: str
    hash_name: str
    nonce: bool
    status: Status

    @property
    def shape(self) -> str:
        return f"{self.method} {self.hash_name} {'nonce' if self.nonce else 'no nonce'}"

    @property
    def id(self) -> str:
        return f"{self.kind}-{self.trust}-{self.shape.replace(' ', '-')}-{self.status}"


def every_case() -> Iterator[Case]:
    """All of them, for an RSA CA and for a P-256 CA."""
    for kind, trust, method, hash_name, nonce, status in product(
        Kind, Trust, ("POST", "GET"), ("sha1", "sha256"), (True, False), Status
    ):
        yield Case(kind, trust, method, hash_name, nonce, status)


@dataclass(frozen=True)
class Cannot:
    """Cases that a client cannot do, and why."""

    why: str
    applies: Callable[[Case], bool]


@dataclass(frozen=True)
class Client:
    """A real client: its programs, the Debian packages that bring them, and its limits."""

    name: str
    #: Program to package.
    needs: dict[str, str]
    cannot: tuple[Cannot, ...]
    #: Does it tell a reason, so that on hold is more than revoked?
    tells_hold: bool = False
    #: What is no program: a path, and the command that makes it.
    package: tuple[Path, str] | None = None
    #: A command whose first line of output names its version.
    version: tuple[str, ...] = ()

    def reason_against(self, case: Case) -> str | None:
        return next((limit.why for limit in self.cannot if limit.applies(case)), None)

    def missing(self) -> str | None:
        """Which programs are not here, and how to get them."""
        lacking = [program for program in self.needs if shutil.which(program) is None]
        if lacking:
            packages = " ".join(dict.fromkeys(self.needs[program] for program in lacking))
            return (
                f"{self.name}: {', '.join(lacking)} missing; as root: sh deploy/client-packages.sh "
                f"(apt-get install {packages})"
            )
        if self.package is not None and not self.package[0].exists():
            return f"{self.name}: its package is missing; run: {self.package[1]}"
        return None

    def parametrize(self) -> pytest.MarkDecorator:
        """The cases that this client can do, under their names."""
        able = [case for case in every_case() if self.reason_against(case) is None]
        return pytest.mark.parametrize("case", able, ids=lambda case: case.id)


def only(**wanted: object) -> Callable[[Case], bool]:
    """Cases whose fields have these values; ``method="GET"``, ``trust=Trust.LOCAL``."""

    def applies(case: Case) -> bool:
        return all(getattr(case, name) == value for name, value in wanted.items())

    return applies
