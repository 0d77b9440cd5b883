"""OpenSSL agrees with every OCSP answer, in both trust modes, over HTTP and by file."""

from __future__ import annotations

import http.server
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from revocation.ocsp.responder import TrustMode
from tests.base.eventually import HANG_S
from tests.revocation.ocsp_world import (
    CEILING,
    GOOD,
    HELD,
    HIGH_BIT,
    REVOKED,
    World,
    make_world,
)
from tests.revocation.sets import ca


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("sets"))


# --- OpenSSL ---


@pytest.fixture(scope="module")
def urls(made: World) -> Iterator[dict[TrustMode, str]]:
    """Both modes over HTTP, by the standard library's server; OpenSSL checks only its own nonce."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["Content-Length"]))
            der = made.ask(asked, TrustMode(self.path[1:])).der
            self.send_response(200)
            self.send_header("Content-Type", "application/ocsp-response")
            self.send_header("Content-Length", str(len(der)))
            self.end_headers()
            self.wfile.write(der)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield {mode: f"http://127.0.0.1:{server.server_port}/{mode}" for mode in TrustMode}
        server.shutdown()
        thread.join(10)


def run_openssl(
    folder: Path, made: World, serial: int, mode: TrustMode, *, generation: int = 0, url: str | None
) -> tuple[str, int]:
    """``openssl ocsp`` asks and verifies: over HTTP with a nonce, or by file without; its output."""
    issuer = folder / f"issuer-{generation}.pem"
    issuer.write_bytes(ca().generations[generation].certificate.public_bytes(Encoding.PEM))
    responder = folder / "responder.pem"
    responder.write_bytes(made.local.public_bytes(Encoding.PEM))
    subject = ["openssl", "ocsp", "-sha256", "-issuer", issuer, "-serial", str(serial)]
    trust = ["-VAfile", responder] if mode is TrustMode.LOCAL else ["-CAfile", issuer]
    if url is not None:
        done = run([*subject, *trust, "-url", url])
    else:
        asked, answered = folder / "request.der", folder / "response.der"
        run([*subject, "-no_nonce", "-reqout", asked])
        answered.write_bytes(made.ask(asked.read_bytes(), mode).der)
        done = run([*subject, *trust, "-no_nonce", "-respin", answered])
    return done.stdout + done.stderr, done.returncode


def run(command: list[Any]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=HANG_S, check=False
    )


@pytest.mark.parametrize("over_http", [True, False], ids=["nonce-over-http", "file"])
@pytest.mark.parametrize("mode", list(TrustMode))
@pytest.mark.parametrize(
    ("serial", "generation", "word"),
    [
        (GOOD, 0, "good"),
        (GOOD, 1, "good"),
        (REVOKED, 0, "revoked"),
        (HIGH_BIT, 0, "revoked"),
        (HELD, 0, "revoked"),
        (CEILING + 1, 0, "unknown"),
        (CEILING + 1, 1, "unknown"),
    ],
)
def test_openssl_agrees(
    tmp_path: Path,
    made: World,
    urls: dict[TrustMode, str],
    serial: int,
    generation: int,
    word: str,
    mode: TrustMode,
    over_http: bool,
) -> None:
    """Exit code 0, "Response verify OK", the status, and neither WARNING nor ERROR on its output."""
    url = urls[mode] if over_http else None
    output, code = run_openssl(tmp_path, made, serial, mode, generation=generation, url=url)
    assert code == 0, output
    assert "Response verify OK" in output
    assert not any(bad in output.upper() for bad in ("WARNING", "ERROR")), output
    assert f"{serial}: {word}" in output, output
    if serial == HELD:
        assert "certificateHold" in output


def test_openssl_refuses_an_answer_by_the_wrong_mode(tmp_path: Path, made: World) -> None:
    """The comparison above can fail: a locally trusted answer is not believed through -CAfile."""
    issuer = tmp_path / "ca.pem"
    issuer.write_bytes(ca().generations[0].certificate.public_bytes(Encoding.PEM))
    asked, answered = tmp_path / "request.der", tmp_path / "response.der"
    run(["openssl", "ocsp", "-issuer", issuer, "-serial", "9", "-reqout", asked])
    answered.write_bytes(made.ask(asked.read_bytes(), TrustMode.LOCAL).der)
    done = run(
        ["openssl", "ocsp", "-issuer", issuer, "-reqin", asked, "-respin", answered, "-CAfile", issuer]
    )
    assert "Response Verify Failure" in done.stdout + done.stderr
