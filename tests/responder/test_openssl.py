"""The stand-alone responder with OpenSSL as its client: what people run ``openssl ocsp`` for today."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.responder.running import GOOD, HELD, REVOKED, Running, openssl, running, words, write_files

SIGNERS = {
    "delegated": ("delegated.pem", "ocsp.key", "-CAfile", "ca.pem"),
    "locally trusted": ("local.pem", "ocsp.key", "-VAfile", "local.pem"),
    "the CA itself": ("ca.pem", "ca.key", "-CAfile", "ca.pem"),
}


@pytest.fixture(scope="module", params=list(SIGNERS))
def asked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, Running, tuple[str | Path, ...]]]:
    """One responder in each way to be trusted, which its ready line names."""
    folder = tmp_path_factory.mktemp("files")
    write_files(folder)
    certificate, key, option, anchor = SIGNERS[request.param]
    with running(words(folder, signer=(certificate,), signer_key=(key,))) as one:
        assert one.ready["cas"][0]["signer"] == request.param
        yield folder, one, (option, folder / anchor)


@pytest.mark.parametrize("nonce", [True, False], ids=["nonce", "no-nonce"])
@pytest.mark.parametrize("digest", ["-sha1", "-sha256"])
@pytest.mark.parametrize(
    ("serial", "expected"),
    [
        (GOOD, [": good"]),
        (REVOKED, [": revoked", "keyCompromise"]),
        (HELD, [": revoked", "certificateHold"]),
        (0, [": unknown"]),
    ],
    ids=["good", "revoked", "hold", "unknown"],
)
def test_openssl_believes_the_answer(
    asked: tuple[Path, Running, tuple[str | Path, ...]],
    serial: int,
    expected: list[str],
    digest: str,
    nonce: bool,
) -> None:
    """Good, revoked, on hold, never issued; SHA-1 and SHA-256; with a nonce and without."""
    folder, one, trust = asked
    said = openssl(folder / "ca.pem", serial, one.url, *trust, digest=digest, nonce=nonce)
    assert "Response verify OK" in said
    assert all(word in said for word in expected), said
    assert "nonce" not in said.lower(), said


def test_a_stranger_is_told_nothing(
    asked: tuple[Path, Running, tuple[str | Path, ...]], tmp_path: Path
) -> None:
    """Of another CA's certificate the answer is unauthorized (RFC 6960 section 2.3)."""
    _, one, trust = asked
    write_files(tmp_path, first_key=320)
    said = openssl(tmp_path / "ca.pem", GOOD, one.url, *trust)
    assert "unauthorized" in said, said


@pytest.mark.parametrize("kind", ["rsa", "p384", "ed25519"])
def test_any_kind_of_ca(tmp_path: Path, kind: str) -> None:
    """RSA, P-384 and Ed25519 CAs: their lists are believed, and their own keys sign answers."""
    write_files(tmp_path, kind=kind, first_key=340)
    with running(words(tmp_path, signer=("ca.pem",), signer_key=("ca.key",))) as one:
        for serial, word in ((GOOD, ": good"), (REVOKED, ": revoked")):
            said = openssl(tmp_path / "ca.pem", serial, one.url, "-CAfile", tmp_path / "ca.pem")
            assert "Response verify OK" in said, said
            assert word in said, said
