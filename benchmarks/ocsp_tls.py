"""TLS beside plain HTTP, by ``wrk``, which speaks both; a client's handshakes are not in it (keep-alive)."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from benchmarks.issuer import DAY
from benchmarks.ocsp_load import CLIENT_CORE, CONNECTIONS
from benchmarks.ocsp_product import Product
from revocation.clock import SystemClock
from revocation.errors import OutsideFailed

_SCRIPT: Final = """local requests = {{ {requests} }}
local at = 0
request = function()
  at = at % #requests + 1
  local fields = {{ ["Host"] = "localhost", ["Content-Type"] = "application/ocsp-request" }}
  return wrk.format("POST", "/ocsp", fields,
    (requests[at]:gsub("..", function(two) return string.char(tonumber(two, 16)) end)))
end
"""


def over_tls(product: Product, folder: Path, pairs: int, seconds: float) -> list[tuple[float, float]]:
    """(requests a second with TLS, without), in turn."""
    if shutil.which("wrk") is None:
        raise OutsideFailed("WRK_MISSING", expected="wrk as a client", got="none", remedy="apt install wrk")
    script = folder / "post.lua"
    asked = ", ".join(f'"{der.hex()}"' for der in product.requests()[:500])
    script.write_text(_SCRIPT.format(requests=asked), encoding="ascii")
    certificate, key = _server_certificate(folder)
    taken = []
    anybody = {"ocsp_callers": "everybody"}
    for _ in range(pairs):
        with product.serving(anybody | {"tls_certificate": certificate, "tls_key": key}) as served:
            _wrk(f"https://127.0.0.1:{served.port}/ocsp", script, seconds)
            with_tls = _wrk(f"https://127.0.0.1:{served.port}/ocsp", script, seconds)
        with product.serving(anybody) as served:
            _wrk(f"http://127.0.0.1:{served.port}/ocsp", script, seconds)
            plain = _wrk(f"http://127.0.0.1:{served.port}/ocsp", script, seconds)
        taken.append((with_tls, plain))
    return taken


def _wrk(url: str, script: Path, seconds: float) -> float:
    done = subprocess.run(
        [
            *("taskset", "-c", str(CLIENT_CORE), "wrk", "-t1", f"-c{CONNECTIONS}"),
            *(f"-d{max(1, round(seconds))}", "-s", str(script), url),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    if found is None or "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise OutsideFailed(
            "WRK_FAILED",
            expected="whole answers to all requests",
            got=done.stdout[-300:] or done.stderr[-300:],
            remedy="look at the words of wrk above",
        )
    return float(found[1])


def _server_certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = SystemClock().now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - DAY)
        .not_valid_after(now + 30 * DAY)
        .sign(key, SHA256())
    )
    files = folder / "tls.pem", folder / "tls.key"
    files[0].write_bytes(certificate.public_bytes(Encoding.PEM))
    files[1].touch(mode=0o600)
    files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files
