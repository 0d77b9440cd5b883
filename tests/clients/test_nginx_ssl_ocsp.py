"""nginx as the client: ``ssl_ocsp`` for client certificates; GET, SHA-1, no nonce, both trust modes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clients.cases import Cannot, Case, Client, Kind, Status, Trust, only
from tests.clients.conftest import Responders
from tests.clients.nginx import Nginx, free_port, nginx, trusted_for
from tests.clients.running import run

pytestmark = [pytest.mark.clients, pytest.mark.timeout(90)]

CLIENT = Client(
    "nginx ssl_ocsp",
    {"nginx": "nginx-light", "curl": "curl", "openssl": "openssl"},
    (
        Cannot("it sends GET only", only(method="POST")),
        Cannot("its CertIDs are SHA-1 only", only(hash_name="sha256")),
        Cannot("it sends no nonce", only(nonce=True)),
    ),
    version=("nginx", "-v"),
)
_SERVER = """
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {leaf};
        ssl_certificate_key {key};
        ssl_client_certificate {trusted};
        ssl_verify_client on;
        ssl_ocsp leaf;
        error_page 495 =200 @refused;
        location / {{ return 200 "$ssl_client_verify"; }}
        location @refused {{ return 200 "$ssl_client_verify"; }}
    }}
"""
_SAYS = {
    Status.GOOD: "SUCCESS",
    Status.REVOKED: "FAILED:certificate revoked",
    Status.HOLD: "FAILED:certificate revoked",
    Status.UNKNOWN: "FAILED:certificate status unknown",
}
Ports = dict[tuple[Kind, Trust], int]


@pytest.fixture(scope="module")
def servers(
    tmp_path_factory: pytest.TempPathFactory, responders: Responders
) -> Iterator[tuple[Nginx, Ports]]:
    """One for each CA and mode."""
    ports = {(kind, trust): free_port() for kind in Kind for trust in Trust}
    blocks = ""
    for (kind, trust), port in ports.items():
        folder = responders.folders[kind]
        blocks += _SERVER.format(
            port=port, leaf=folder.leaf(Status.GOOD, trust), key=folder.leaf_key(Status.GOOD, trust),
            trusted=trusted_for(folder, trust),
        )  # fmt: skip
    with nginx(tmp_path_factory.mktemp("nginx"), blocks, next(iter(ports.values()))) as server:
        yield server, ports


def _asked(case: Case, responders: Responders, port: int) -> str:
    """What nginx says of curl's client certificate."""
    folder = responders.folder(case)
    client = ["--cert", responders.leaf(case), "--key", folder.leaf_key(case.status, case.trust)]
    address = f"https://127.0.0.1:{port}/"
    return run("curl", "-sS", "--insecure", "--max-time", "10", *client, address).output


@CLIENT.parametrize()
def test_nginx_lets_in_whoever_is_good(
    case: Case, responders: Responders, servers: tuple[Nginx, Ports]
) -> None:
    """It verifies the answer about the client's certificate and says what it found."""
    assert _asked(case, responders, servers[1][case.kind, case.trust]) == _SAYS[case.status]
    responders.check_sent(case)


@pytest.mark.parametrize("trust", list(Trust))
def test_nginx_refuses_the_other_mode(
    trust: Trust, responders: Responders, servers: tuple[Nginx, Ports]
) -> None:
    """The comparison can fail: a locally trusted answer is refused where only delegates are believed."""
    server, ports = servers
    case = Case(Kind.RSA, Trust.LOCAL, "GET", "sha1", nonce=False, status=Status.GOOD)
    said = _asked(case, responders, ports[Kind.RSA, Trust.DELEGATED])
    assert said == "FAILED:certificate status request failed"
    assert "OCSP_basic_verify() failed" in server.log
