"""HTTPS against real TLS servers on loopback: who cannot prove who he is gets a telling code and no list."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from revocation.clock import SystemClock
from revocation.crl.fetch import Failed, Fetched, FetchResult, HttpSource, list_server_tls
from revocation.errors import InputRefused, OwnFault
from tests.revocation.fetching import ONE_TRY, QUICK, code, content, fetch, retries, scope
from tests.revocation.list_server import list_server

#: OpenSSL compares with this machine's clock, which is no argument of ours.
NOW = SystemClock().now()
DAY = timedelta(days=1)


class TestCa:
    """A CA of one key, and the files that servers and clients load."""

    __test__ = False

    def __init__(self, folder: Path, name: str = "lists CA") -> None:
        self.folder = folder / name
        self.folder.mkdir()
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(self.name, self.key, timedelta(0))
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.file = self.folder / "ca.pem"
        self._write(self.file, builder.sign(self.key, SHA256()))

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, shift: timedelta
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .issuer_name(self.name)
            .subject_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW + shift - DAY)
            .not_valid_after(NOW + shift + DAY)
        )

    def _write(self, file: Path, certificate: x509.Certificate) -> None:
        file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(
        self, name: str, *, shift: timedelta = timedelta(0), password: bytes = b""
    ) -> tuple[Path, Path]:
        """Certificate and key for a host name or address."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "lists")])
        try:
            san: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            san = x509.DNSName(name)
        builder = self._builder(subject, key, shift).add_extension(
            x509.SubjectAlternativeName([san]), critical=False
        )
        files = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        self._write(files[0], builder.sign(self.key, SHA256()))
        encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if password:
            encryption = serialization.BestAvailableEncryption(password)
        files[1].write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
        )
        return files


def serving(certificate: tuple[Path, Path], clients: Path | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=clients)
    context.load_cert_chain(*certificate)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


async def fetch_over(
    server_tls: ssl.SSLContext | None,
    client_tls: ssl.SSLContext | None,
    folder: Path,
    *,
    scheme: str = "https",
    host: str = "127.0.0.1",
) -> FetchResult:
    async with list_server(server_tls) as server:
        server.lists["/1.crl"] = b"list"
        port = server.base.rpartition(":")[2]
        source = HttpSource(
            {scope(1): f"{scheme}://{host}:{port}/1.crl"}, limits=QUICK, ssl_context=client_tls
        )
        result = (await fetch(source, folder))[scope(1)]
        if isinstance(result, Failed):
            assert server.requests == [], "the list was asked for although nobody proved who he is"
        return result


@pytest.fixture(autouse=True)
def seen() -> Iterator[list[object]]:
    with retries() as seen:
        yield seen  # type: ignore[misc]


@pytest.fixture
def ca(tmp_path: Path) -> TestCa:
    return TestCa(tmp_path)


async def test_a_list_over_https(ca: TestCa, tmp_path: Path) -> None:
    """Our own CA file, the right address: the list arrives."""
    result = await fetch_over(serving(ca.issue("127.0.0.1")), list_server_tls(ca_file=ca.file), tmp_path)
    assert isinstance(result, Fetched)
    assert await content(result.path) == b"list"


async def test_by_name_and_with_a_client_certificate(ca: TestCa, tmp_path: Path) -> None:
    """A server that demands to know us gets our certificate; without one it hears nothing."""
    server = serving(ca.issue("localhost"), clients=ca.file)
    certificate, key = ca.issue("operator.test")
    known = list_server_tls(ca_file=ca.file, certificate=certificate, key=key)
    assert isinstance(await fetch_over(server, known, tmp_path, host="localhost"), Fetched)
    result = await fetch_over(server, list_server_tls(ca_file=ca.file), tmp_path, host="localhost")
    # TLS 1.3 lets the client finish first, so what we see may be a connection that closes.
    assert code(result) in {"FETCH_TLS", "FETCH_UNREACHABLE"}


@pytest.mark.parametrize(
    ("name", "shift", "host", "got"),
    [
        ("other.test", timedelta(0), "localhost", "a certificate for another host name"),
        ("127.0.0.2", timedelta(0), "127.0.0.1", "a certificate for another address"),
        ("127.0.0.1", -2 * DAY, "127.0.0.1", "an expired certificate"),
        ("127.0.0.1", 2 * DAY, "127.0.0.1", "a certificate that is not valid yet"),
    ],
)
async def test_a_certificate_that_proves_nothing(
    ca: TestCa, tmp_path: Path, seen: list[object], name: str, shift: timedelta, host: str, got: str
) -> None:
    """Another name, another address, not in its dates: FETCH_TLS says which; it is not tried again."""
    tls = list_server_tls(ca_file=ca.file)
    result = await fetch_over(serving(ca.issue(name, shift=shift)), tls, tmp_path, host=host)
    assert code(result) == "FETCH_TLS"
    assert isinstance(result, Failed)
    assert result.error.got == got
    assert host not in str(result.error)
    assert seen == []


async def test_a_ca_that_nobody_trusts(ca: TestCa, tmp_path: Path, seen: list[object]) -> None:
    """Signed by another CA than ours, or by one that the system does not know."""
    server = serving(ca.issue("127.0.0.1"))
    for tls in (list_server_tls(ca_file=TestCa(tmp_path, "other CA").file), list_server_tls(), None):
        result = await fetch_over(server, tls, tmp_path)
        assert code(result) == "FETCH_TLS"
        assert isinstance(result, Failed)
        assert result.error.got == "a certificate of an unknown CA"
    assert seen == []


async def test_no_tls_where_tls_is_expected(ca: TestCa, tmp_path: Path) -> None:
    """A plain HTTP server under an https address is never spoken to in the clear."""
    result = await fetch_over(None, list_server_tls(ca_file=ca.file), tmp_path)
    assert code(result) == "FETCH_TLS"
    assert isinstance(result, Failed)
    assert result.error.got.startswith("no TLS handshake")


async def test_an_old_tls(ca: TestCa, tmp_path: Path) -> None:
    """A server that speaks TLS 1.1 at most is refused."""
    server = serving(ca.issue("127.0.0.1"))
    server.set_ciphers("DEFAULT@SECLEVEL=0")
    client = list_server_tls(ca_file=ca.file)
    assert client.minimum_version is ssl.TLSVersion.TLSv1_2
    with pytest.warns(DeprecationWarning, match="TLSVersion"):
        server.minimum_version, server.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    assert code(await fetch_over(server, client, tmp_path)) in {"FETCH_TLS", "FETCH_UNREACHABLE"}


async def test_a_redirect_out_of_tls_is_not_followed(ca: TestCa, tmp_path: Path) -> None:
    """Not even to ourselves."""
    async with list_server(serving(ca.issue("127.0.0.1"))) as server:
        server.break_("/1.crl", "redirect")
        tls = list_server_tls(ca_file=ca.file)
        source = HttpSource({scope(1): server.url("/1.crl")}, limits=ONE_TRY, ssl_context=tls)
        assert code((await fetch(source, tmp_path))[scope(1)]) == "FETCH_STATUS"
        assert [path for path, _ in server.requests] == ["/1.crl"]


async def test_no_proxy_of_the_environment(
    ca: TestCa, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTPS_PROXY and its kin are not ours to obey."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    tls = list_server_tls(ca_file=ca.file)
    assert isinstance(await fetch_over(serving(ca.issue("127.0.0.1")), tls, tmp_path), Fetched)


def test_a_context_that_checks_nothing_is_refused() -> None:
    """Checks cannot be switched off, not even half."""
    lax = ssl.create_default_context()
    lax.check_hostname = False
    blind = ssl.create_default_context()
    blind.check_hostname = False
    blind.verify_mode = ssl.CERT_NONE
    for context in (lax, blind):
        with pytest.raises(OwnFault) as caught:
            HttpSource({}, ssl_context=context)
        assert caught.value.code == "FETCH_TLS_UNCHECKED"


def test_tls_files_that_are_none(ca: TestCa, tmp_path: Path) -> None:
    """Missing, empty, without a key, under a password: refused at start, and nobody is asked to type."""
    empty = tmp_path / "empty.pem"
    empty.write_bytes(b"")
    certificate, key = ca.issue("operator.test")
    locked = ca.issue("locked.test", password=b"secret")
    for files in (
        {"ca_file": tmp_path / "none.pem"},
        {"ca_file": empty},
        {"certificate": certificate},
        {"certificate": certificate, "key": empty},
        {"certificate": locked[0], "key": locked[1]},
        {"certificate": locked[0], "key": key},
    ):
        with pytest.raises(InputRefused) as caught:
            list_server_tls(**files)
        assert caught.value.code == "FETCH_TLS_FILES"
