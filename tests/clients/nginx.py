"""nginx with a configuration of the test's, as one process, stopped by its pid."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.clients.cases import Trust
from tests.clients.certificates import Folder
from tests.clients.running import run, started, until

_CONFIGURATION = """
daemon off;
master_process off;
pid {root}/pid;
error_log {root}/error.log info;
events {{ worker_connections 128; }}
http {{
    access_log off;
    client_body_temp_path {root}/body;
    proxy_temp_path {root}/proxy;
    fastcgi_temp_path {root}/fastcgi;
    uwsgi_temp_path {root}/uwsgi;
    scgi_temp_path {root}/scgi;
{servers}
}}
"""


@dataclass(frozen=True)
class Nginx:
    """Running."""

    root: Path

    @property
    def log(self) -> str:
        return (self.root / "error.log").read_text(errors="replace")


@contextmanager
def nginx(root: Path, servers: str, port: int) -> Iterator[Nginx]:
    """With these ``server`` blocks; yields when ``port``, on which one of them listens, takes connections."""
    root.mkdir(exist_ok=True)
    configuration = root / "nginx.conf"
    configuration.write_text(_CONFIGURATION.format(root=root, servers=servers))
    with started("nginx", "-p", root, "-c", configuration, log=root / "start.log") as program:
        until(lambda: program.ended or _listens(port))
        assert not program.ended, (root / "start.log").read_text()
        yield Nginx(root)


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as held:
        return int(held.getsockname()[1])


def trusted_for(folder: Folder, trust: Trust) -> Path:
    """The CAs that nginx (OpenSSL) needs to believe an answer of this mode.

    A locally trusted responder must be trusted for this very purpose, which only OpenSSL's own
    "TRUSTED CERTIFICATE" says; as an ordinary root it is refused with "root ca not trusted".
    """
    if trust is Trust.DELEGATED:
        return folder.ca
    both = folder.path / "ca-and-trusted-responder.pem"
    if not both.exists():
        marked = run("openssl", "x509", "-in", folder.signer(trust), "-trustout", "-addtrust", "OCSPSigning")
        assert marked.code == 0, marked.output
        both.write_text(folder.ca.read_text() + marked.output)
    return both


def _listens(port: int) -> bool:
    with suppress(OSError), closing(socket.create_connection(("127.0.0.1", port), timeout=1)):
        return True
    return False
