"""TLS of the server: its certificate and key, the CAs of client certificates, and files that change.

TLS 1.2 and 1.3 with forward secrecy and AEAD only (RFC 9325). A new certificate, key or client CA is taken
for the handshakes that begin after it; connections stay. Files that do not go together change nothing.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from platform_api.faults import SetupRefused
from platform_api.key_files import read_secret
from platform_api.logs import failure
from revocation.errors import RevocationError

if TYPE_CHECKING:
    from platform_api.config import Settings
    from platform_api.logs import Log

#: For TLS 1.2; the suites of 1.3 are all of this kind.
_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
_MOST_OCTETS: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where the material is: PEM, the server's certificate with its intermediates first to last."""

    certificate: Path
    key: Path
    #: CAs (or single certificates) that client certificates must chain to; None: none is asked for.
    client_ca: Path | None = None

    @classmethod
    def of(cls, settings: Settings) -> TlsFiles | None:
        if settings.tls_certificate is None or settings.tls_key is None:
            return None
        return cls(settings.tls_certificate, settings.tls_key, settings.tls_client_ca)

    def read(self) -> TlsMaterial:
        """All of it at once. ``SetupRefused`` where a file is missing, or others may read the key."""
        return TlsMaterial(
            _read(self.certificate),
            read_secret(self.key),
            None if self.client_ca is None else _read(self.client_ca),
        )


@dataclass(frozen=True, slots=True, repr=False)
class TlsMaterial:
    """The contents, in PEM; shown in no repr."""

    certificate: bytes
    key: bytes
    client_ca: bytes | None

    def context(self) -> ssl.SSLContext:
        """A server's context of exactly this; ``SetupRefused`` where the parts do not go together."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        restrict(context)
        try:
            # The library takes files only: these have no name, and end with the descriptor.
            with in_memory(self.certificate) as certificate, in_memory(self.key) as key:
                context.load_cert_chain(certificate, key, password=no_password)
        except (ssl.SSLError, ValueError):
            raise _refused("a certificate chain and its key without a password, both PEM") from None
        if self.client_ca is not None:
            try:
                context.load_verify_locations(cadata=self.client_ca.decode("ascii"))
            except (ssl.SSLError, ValueError):
                raise _refused("certificates in PEM in tls_client_ca") from None
            # Asked for, not demanded: a caller may show an API key instead.
            context.verify_mode = ssl.CERT_OPTIONAL
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            # A resumed session does not look at the certificate's dates or its CA again.
            context.num_tickets = 0
            context.options |= ssl.OP_NO_TICKET
        return context


class ReloadingContext(ssl.SSLContext):
    """A context that hands each new connection to the newest one; asyncio and uvloop take it as any other."""

    _newest: ssl.SSLContext

    def __new__(cls, *_: Any, **__: Any) -> ReloadingContext:
        return super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)

    def __init__(self, material: TlsMaterial) -> None:
        self._newest = material.context()

    def take(self, material: TlsMaterial) -> None:
        """For the handshakes that begin from now on; refused material changes nothing."""
        self._newest = material.context()

    def wrap_bio(self, *arguments: Any, **named: Any) -> ssl.SSLObject:
        return self._newest.wrap_bio(*arguments, **named)

    def wrap_socket(self, *arguments: Any, **named: Any) -> ssl.SSLSocket:
        return self._newest.wrap_socket(*arguments, **named)


@asynccontextmanager
async def following_tls(
    files: TlsFiles | None, log: Log, check_s: float
) -> AsyncIterator[ReloadingContext | None]:
    """The context of these files, and of what they become; a change is looked for every ``check_s`` seconds.

    None for none: then the server speaks plain HTTP.
    """
    if files is None:
        yield None
        return
    material = await asyncio.to_thread(files.read)
    context = await asyncio.to_thread(ReloadingContext, material)
    task = asyncio.create_task(_follow(files, material, context, log, check_s))
    try:
        yield context
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _follow(
    files: TlsFiles, seen: TlsMaterial, context: ReloadingContext, log: Log, check_s: float
) -> None:
    said: str | None = None
    while True:
        await asyncio.sleep(check_s)
        try:
            found = await asyncio.to_thread(files.read)
            if found == seen:
                continue
            seen = found
            await asyncio.to_thread(context.take, found)
        except RevocationError as error:
            # Half of a change, perhaps: the old material stays in use, and the files are looked at again.
            if said != error.code:
                log.warning("component.failed", component="tls", **failure(error))
            said = error.code
        else:
            log.info("tls.taken")
            said = None


def restrict(context: ssl.SSLContext) -> None:
    """TLS 1.2 and 1.3 with forward secrecy and AEAD, HTTP/1.1; for either side."""
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.set_alpn_protocols(["http/1.1"])
    context.options |= ssl.OP_NO_RENEGOTIATION


def no_password() -> bytes:
    """To be asked for a password is a refusal."""
    # Without it OpenSSL would ask for one on the terminal, and a server would stand still.
    raise ValueError


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_OCTETS + 1)
    except OSError as error:
        raise SetupRefused(
            "TLS_FILE_UNREADABLE",
            expected=f"a readable file {path.name}",
            got=error.strerror or type(error).__name__,
            remedy="check tls_certificate and tls_client_ca, and their permissions",
        ) from None
    if len(content) > _MOST_OCTETS:
        raise _refused(f"at most {_MOST_OCTETS} octets in {path.name}")
    return content


@contextmanager
def in_memory(content: bytes) -> Iterator[str]:
    """A file in memory under a name of this process alone."""
    descriptor = os.memfd_create("tls", os.MFD_CLOEXEC)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        yield f"/proc/self/fd/{descriptor}"


def _refused(expected: str) -> SetupRefused:
    return SetupRefused(
        "TLS_REFUSED",
        expected=expected,
        got="something else",
        remedy="check tls_certificate, tls_key and tls_client_ca with openssl x509 and openssl pkey",
    )
