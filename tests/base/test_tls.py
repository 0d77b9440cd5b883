"""TLS of the server by real handshakes: client certificates, refused material, and files that change."""

from __future__ import annotations

import asyncio
import io
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import orjson
import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from platform_api.config import Settings
from platform_api.faults import SetupRefused
from platform_api.logs import make_log
from platform_api.peers import certificate_sha256, connected_address
from platform_api.tls import ReloadingContext, TlsFiles, following_tls
from tests import pki
from tests.base.eventually import HANG_S, eventually

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Made:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Any

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def key_pem(self, password: bytes | None = None) -> bytes:
        protection = NoEncryption() if password is None else BestAvailableEncryption(password)
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)

    def write(self, folder: Path, name: str) -> tuple[Path, Path]:
        certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
        certificate.write_bytes(self.pem)
        key.write_bytes(self.key_pem())
        key.chmod(0o600)
        return certificate, key


def make(
    number: int, *, by: Made | None = None, ca: bool = False, begins: datetime = NOW - DAY, days: int = 30
) -> Made:
    key = pki.key("p256", 400 + number)
    subject = pki.x509_name(("CN", f"tls {number}"))
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if by is None else by.certificate.subject)
        .public_key(key.public_key())
        .serial_number(number + 1)
        .not_valid_before(begins)
        .not_valid_after(begins + days * DAY)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
    )
    return Made(builder.sign(key if by is None else by.key, SHA256()), key)


CA = make(0, ca=True)
SERVER = make(1)
CLIENT = make(2, by=CA)


class Server:
    """Says who it thinks is there, for each line that it gets."""

    def __init__(self, port: int) -> None:
        self.port = port


async def context_of(files: TlsFiles) -> ReloadingContext:
    return await asyncio.to_thread(lambda: ReloadingContext(files.read()))


async def written(made: Made, folder: Path) -> tuple[Path, Path]:
    return await asyncio.to_thread(made.write, folder, f"client-{made.certificate.serial_number}")


@asynccontextmanager
async def serving(context: ssl.SSLContext | None) -> AsyncIterator[Server]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readline():
                fingerprint = certificate_sha256(writer.transport, datetime.now(UTC))
                told = {
                    "certificate": None if fingerprint is None else fingerprint.hex(),
                    "address": connected_address(writer.transport),
                }
                writer.write(orjson.dumps(told) + b"\n")
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield Server(server.sockets[0].getsockname()[1])


def trusting(server: Made, *, client: tuple[Path, Path] | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=server.pem.decode())
    if client is not None:
        context.load_cert_chain(*client)
    return context


@dataclass
class Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def told(self) -> dict[str, Any]:
        self.writer.write(b"who\n")
        line = await asyncio.wait_for(self.reader.readline(), HANG_S)
        if not line:
            raise ConnectionResetError
        return orjson.loads(line)

    @property
    def session(self) -> ssl.SSLObject:
        return self.writer.get_extra_info("ssl_object")


@asynccontextmanager
async def connected(server: Server, context: ssl.SSLContext | None) -> AsyncIterator[Connection]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=context)
    try:
        yield Connection(reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()


@pytest.fixture
def files(tmp_path: Path) -> TlsFiles:
    certificate, key = SERVER.write(tmp_path, "server")
    (tmp_path / "clients.pem").write_bytes(CA.pem)
    return TlsFiles(certificate, key, tmp_path / "clients.pem")


def fingerprint_of(made: Made) -> str:
    return made.certificate.fingerprint(SHA256()).hex()


async def test_a_client_s_certificate_is_seen_by_its_hash(files: TlsFiles, tmp_path: Path) -> None:
    """With one of the CA: its SHA-256. Without one: nobody, and served. On plain HTTP: nobody. The address is
    the socket's in all three.
    """
    context = await context_of(files)
    async with serving(context) as server:
        async with connected(server, trusting(SERVER, client=await written(CLIENT, tmp_path))) as one:
            assert await one.told() == {"certificate": fingerprint_of(CLIENT), "address": "127.0.0.1"}
            assert one.session.selected_alpn_protocol() is None
        async with connected(server, trusting(SERVER)) as none:
            assert await none.told() == {"certificate": None, "address": "127.0.0.1"}
    async with serving(None) as server, connected(server, None) as plain:
        assert await plain.told() == {"certificate": None, "address": "127.0.0.1"}


@pytest.mark.parametrize(
    "client",
    [
        make(3),
        make(4, by=CA, begins=NOW - 60 * DAY, days=30),
        make(5, by=CA, begins=NOW + DAY),
        make(6, by=Made(CA.certificate, pki.key("p256", 499))),
    ],
    ids=["self-signed", "expired", "not yet valid", "forged issuer"],
)
async def test_other_certificates_get_no_connection(files: TlsFiles, tmp_path: Path, client: Made) -> None:
    """A certificate that is shown must hold: outside its dates or of another CA, the handshake fails."""
    async with serving(await context_of(files)) as server:
        with pytest.raises((ConnectionError, ssl.SSLError)):
            async with connected(server, trusting(SERVER, client=await written(client, tmp_path))) as one:
                await one.told()


async def test_a_connection_does_not_outlive_its_certificate(files: TlsFiles, tmp_path: Path) -> None:
    """The handshake was good; once the certificate's time is over, the connection is nobody's."""
    seen: list[bytes | None] = []
    done = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = CLIENT.certificate.not_valid_after_utc
        for at in (NOW, ends, ends + timedelta(seconds=1), CLIENT.certificate.not_valid_before_utc - DAY):
            seen.append(certificate_sha256(writer.transport, at))
        writer.close()
        done.set()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=await context_of(files))
    port = server.sockets[0].getsockname()[1]
    async with server, connected(Server(port), trusting(SERVER, client=await written(CLIENT, tmp_path))):
        await asyncio.wait_for(done.wait(), HANG_S)
    expected = bytes.fromhex(fingerprint_of(CLIENT))
    assert seen == [expected, expected, None, None]


async def test_without_client_ca_no_certificate_is_asked_for(files: TlsFiles, tmp_path: Path) -> None:
    """A client that would show one is served, as nobody."""
    context = await context_of(TlsFiles(files.certificate, files.key))
    trust = trusting(SERVER, client=await written(CLIENT, tmp_path))
    async with serving(context) as server, connected(server, trust) as one:
        assert (await one.told())["certificate"] is None


async def test_old_protocols_and_weak_suites_are_refused(files: TlsFiles) -> None:
    """TLS 1.2 with forward secrecy and AEAD, TLS 1.3; nothing older, no RSA key exchange, no CBC; ALPN."""
    async with serving(await context_of(files)) as server:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = trusting(SERVER)
            context.minimum_version = context.maximum_version = version
            context.set_alpn_protocols(["h2", "http/1.1"])
            async with connected(server, context) as one:
                await one.told()
                assert one.session.selected_alpn_protocol() == "http/1.1"
                suite, _, _ = one.session.cipher() or ("", "", 0)
                assert "GCM" in suite or "CHACHA20" in suite
        for weak in ("AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256"):
            context = trusting(SERVER)
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(weak)
            with pytest.raises((ConnectionError, ssl.SSLError)):
                async with connected(server, context) as one:
                    await one.told()
    assert (await context_of(files))._newest.minimum_version is ssl.TLSVersion.TLSv1_2


async def test_no_session_is_resumed_where_certificates_are_asked_for(
    files: TlsFiles, tmp_path: Path
) -> None:
    """A resumed session would carry a client certificate past its end; each connection verifies its own."""
    context = trusting(SERVER, client=await written(CLIENT, tmp_path))
    context.maximum_version = ssl.TLSVersion.TLSv1_3
    async with serving(await context_of(files)) as server, connected(server, context) as one:
        await one.told()
        assert one.session.session is None or not one.session.session.has_ticket


def _cut(folder: Path) -> None:
    (folder / "server.pem").write_bytes(SERVER.pem[:200])


def _foreign_key(folder: Path) -> None:
    (folder / "server.key").write_bytes(CLIENT.key_pem())


def _password(folder: Path) -> None:
    (folder / "server.key").write_bytes(SERVER.key_pem(b"secret"))


def _exposed(folder: Path) -> None:
    (folder / "server.key").chmod(0o640)


def _no_ca(folder: Path) -> None:
    (folder / "clients.pem").write_bytes(b"\xff nothing")


def _missing(folder: Path) -> None:
    (folder / "server.pem").unlink()


def _no_key(folder: Path) -> None:
    (folder / "server.key").unlink()


def _huge(folder: Path) -> None:
    (folder / "clients.pem").write_bytes(CA.pem * 5000)


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (_cut, "TLS_REFUSED"),
        (_foreign_key, "TLS_REFUSED"),
        (_password, "TLS_REFUSED"),
        (_exposed, "KEY_FILE_EXPOSED"),
        (_no_ca, "TLS_REFUSED"),
        (_missing, "TLS_FILE_UNREADABLE"),
        (_no_key, "KEY_FILE_MISSING"),
        (_huge, "TLS_REFUSED"),
    ],
)
def test_material_that_does_not_hold_is_refused_at_the_start(
    files: TlsFiles, tmp_path: Path, spoil: Callable[[Path], None], code: str
) -> None:
    """By name and with a remedy; nothing of a key is in the text; nobody is asked for a password."""
    spoil(tmp_path)
    with pytest.raises(SetupRefused) as refused:
        ReloadingContext(files.read())
    assert refused.value.code == code
    assert "PRIVATE" not in str(refused.value)
    assert "PRIVATE" not in repr(TlsFiles(files.certificate, files.key))


async def test_changed_files_are_taken_and_connections_stay(files: TlsFiles, tmp_path: Path) -> None:
    """A new certificate and another client CA serve the next handshake; the old connection goes on, the old
    CA's clients are refused. Half of a change (a key without its certificate) is said once, and that is all.
    """
    log = io.StringIO()
    other_ca, renewed = make(10, ca=True), make(11)
    new_client = await written(make(12, by=other_ca), tmp_path)
    old_client = await written(CLIENT, tmp_path)
    async with (
        following_tls(files, make_log(log), 0.01) as context,
        serving(context) as server,
        connected(server, trusting(SERVER, client=old_client)) as old,
    ):
        await old.told()
        await asyncio.to_thread(files.key.write_bytes, renewed.key_pem())
        await eventually(lambda: "TLS_REFUSED" in log.getvalue())
        async with connected(server, trusting(SERVER)) as still:
            await still.told()
        await asyncio.to_thread(files.certificate.write_bytes, renewed.pem)
        await eventually(lambda: "tls.taken" in log.getvalue())
        await asyncio.to_thread((tmp_path / "clients.pem").write_bytes, other_ca.pem)
        await eventually(lambda: log.getvalue().count("tls.taken") == 2)
        async with connected(server, trusting(renewed, client=new_client)) as one:
            assert (await one.told())["certificate"] is not None
        with pytest.raises((ConnectionError, ssl.SSLError)):
            async with connected(server, trusting(renewed, client=old_client)) as gone:
                await gone.told()
        assert (await old.told())["certificate"] == fingerprint_of(CLIENT)
    assert log.getvalue().count("TLS_REFUSED") == 1


def test_settings_go_together(tmp_path: Path) -> None:
    """A certificate without its key, or client CAs without TLS, is refused; none of them is plain HTTP."""
    for given in ({"tls_certificate": tmp_path}, {"tls_key": tmp_path}, {"tls_client_ca": tmp_path}):
        with pytest.raises(ValueError, match="tls_"):
            Settings(**given)  # type: ignore[arg-type]
    assert TlsFiles.of(Settings()) is None
    whole = Settings(tls_certificate=tmp_path / "a", tls_key=tmp_path / "b", tls_client_ca=tmp_path / "c")
    assert TlsFiles.of(whole) == TlsFiles(tmp_path / "a", tmp_path / "b", tmp_path / "c")


def test_the_service_s_own_loop_takes_it_too(files: TlsFiles, tmp_path: Path) -> None:
    """uvloop, on which the service runs, hands each connection to the newest context as asyncio does."""
    renewed = make(13)
    client = CLIENT.write(tmp_path, "client")

    async def run() -> list[str | None]:
        context = await context_of(files)
        told = []
        async with serving(context) as server:
            for by in (SERVER, renewed):
                async with connected(server, trusting(by, client=client)) as one:
                    told.append((await one.told())["certificate"])
                await asyncio.to_thread(renewed.write, tmp_path, "server")
                context.take(await asyncio.to_thread(files.read))
        return told

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(run()) == [fingerprint_of(CLIENT)] * 2
