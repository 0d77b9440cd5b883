"""Fixtures of the library's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from revocation.ocsp.pkcs11_token import Token
from tests import pki
from tests.revocation.nights import Night
from tests.revocation.softhsm import SoftHsm, module
from tests.revocation.token_world import KEYS, TOKEN, Ticking


@pytest.fixture(scope="session")
def ca() -> pki.CA:
    """RSA: the same list signed again has the same bytes."""
    return pki.make_ca()


@pytest.fixture
def night(tmp_path: Path, ca: pki.CA) -> Night:
    return Night(tmp_path, ca)


@pytest.fixture(scope="module")
def hsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoftHsm]:
    """A token with a key of each kind; the library of this process reads its settings once."""
    found = SoftHsm(module(), tmp_path_factory.mktemp("hsm"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(found.configure()))
        found.make_token(TOKEN)
        for number, (label, key) in enumerate(KEYS.items()):
            found.import_key(TOKEN, pki.key(*key), label, f"{number + 1:02x}")
        yield found
        import pkcs11

        pkcs11.lib(str(found.module)).finalize()


@pytest.fixture
def ticking() -> Ticking:
    return Ticking()


@pytest.fixture
def token(hsm: SoftHsm, ticking: Ticking) -> Iterator[Token]:
    made = Token(hsm.module, TOKEN, hsm.pin_file(), monotonic=ticking)
    yield made
    made.close()
