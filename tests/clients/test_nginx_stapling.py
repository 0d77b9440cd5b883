"""nginx as the client: ``ssl_stapling_verify``; GET, SHA-1 CertIDs, no nonce, both trust modes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.clients.cases import Cannot, Case, Client, Kind, Status, Trust, only
from tests.clients.conftest import Responders
from tests.clients.nginx import Nginx, free_port, nginx, trusted_for
from tests.clients.running import Done, run, until

pytestmark = [pytest.mark.clients, pytest.mark.timeout(90)]

CLIENT = Client(
    "nginx ssl_stapling_verify",
    {"nginx": "nginx-light", "openssl": "openssl"},
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
        server_name {host};
        ssl_certificate {leaf};
        ssl_certificate_key {key};
        ssl_trusted_certificate {trusted};
        ssl_stapling on;
        ssl_stapling_verify on;
    }}
"""
#: A server whose pinned responder is missing.
_UNPINNED = "unpinned.test"


@dataclass(frozen=True)
class Stapling:
    server: Nginx
    port: int

    def handshake(self, host: str, ca: object) -> Done:
        """A TLS client that asks for the staple; the first one makes nginx ask the responder."""
        where = ["-connect", f"127.0.0.1:{self.port}", "-servername", host]
        return run("openssl", "s_client", *where, "-status", "-CAfile", ca, "-verify_return_error")


@pytest.fixture(scope="module")
def stapling(tmp_path_factory: pytest.TempPathFactory, responders: Responders) -> Iterator[Stapling]:
    """A server for every certificate, told apart by name."""
    port = free_port()
    servers = ""
    for kind in Kind:
        folder = responders.folders[kind]
        for trust in Trust:
            for status in Status:
                servers += _SERVER.format(
                    port=port, host=folder.host(status, trust), leaf=folder.leaf(status, trust),
                    key=folder.leaf_key(status, trust), trusted=trusted_for(folder, trust),
                )  # fmt: skip
    folder = responders.folders[Kind.RSA]
    servers += _SERVER.format(
        port=port, host=_UNPINNED, leaf=folder.leaf(Status.GOOD, Trust.LOCAL),
        key=folder.leaf_key(Status.GOOD, Trust.LOCAL), trusted=folder.ca,
    )  # fmt: skip
    with nginx(tmp_path_factory.mktemp("nginx"), servers, port) as server:
        yield Stapling(server, port)


@CLIENT.parametrize()
def test_nginx_staples_what_is_good(case: Case, responders: Responders, stapling: Stapling) -> None:
    """It staples a good answer that it has verified; of another it logs the status and staples none."""
    folder = responders.folder(case)
    host = folder.host(case.status, case.trust)
    first = stapling.handshake(host, folder.ca)
    assert "Verify return code: 0 (ok)" in first.output, first.output
    if case.status is Status.GOOD:
        until(lambda: "Cert Status: good" in stapling.handshake(host, folder.ca).output)
    else:
        word = "revoked" if case.status is Status.HOLD else case.status
        told = f'certificate status "{word}" in the OCSP response'
        leaf = f'certificate: "{responders.leaf(case)}"'
        until(lambda: any(told in line and leaf in line for line in stapling.server.log.splitlines()))
        assert "no response sent" in stapling.handshake(host, folder.ca).output
    responders.check_sent(case)


def test_nginx_refuses_a_responder_that_is_not_pinned(responders: Responders, stapling: Stapling) -> None:
    """The comparison can fail: good, said by one whom it does not trust, is not stapled."""
    folder = responders.folders[Kind.RSA]
    stapling.handshake(_UNPINNED, folder.ca)
    until(lambda: "OCSP_basic_verify() failed" in stapling.server.log)
    assert "no response sent" in stapling.handshake(_UNPINNED, folder.ca).output
