"""Who may sign OCSP answers: certificates and keys that are refused, and how one follows another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from revocation.clock import FixedClock
from revocation.errors import InputRefused, OutsideFailed, OwnFault, RevocationError
from revocation.ocsp.responder import Responder, ResponderPolicy, TrustMode
from revocation.ocsp.signing import DelegatedSigners, LocallyTrustedSigner
from revocation.ocsp.signing_keys import FileKey, SigningKey, signing_key
from tests import pki
from tests.revocation.ocsp_world import NOW, World, cert_id, make_world, request
from tests.revocation.sets import DAY, ca, world
from tests.revocation.signer_certificates import OCSP_SIGNING, certificate, of_an_unknown_curve, usage

KEY, OTHER = pki.key("p256", 60), pki.key("p256", 61)
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("sets"))


def delegated(*certificates: x509.Certificate, generation: int = 0) -> DelegatedSigners:
    return DelegatedSigners({ca().generations[generation].key_id: [(each, KEY) for each in certificates]})


def local(*certificates: x509.Certificate) -> LocallyTrustedSigner:
    first, *others = [(each, KEY) for each in certificates]
    return LocallyTrustedSigner(*first, *others)


# --- certificates ---

FIRST = ca().generations[0]
REFUSED_DELEGATES: dict[str, tuple[Callable[[], x509.Certificate], str]] = {
    "no purpose": (lambda: certificate(KEY, FIRST, purposes=()), "id-kp-OCSPSigning"),
    "another purpose": (
        lambda: certificate(KEY, FIRST, purposes=(ExtendedKeyUsageOID.SERVER_AUTH,)),
        "id-kp-OCSPSigning",
    ),
    "any purpose": (
        lambda: certificate(KEY, FIRST, purposes=(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,)),
        "id-kp-OCSPSigning",
    ),
    "no nocheck": (lambda: certificate(KEY, FIRST, nocheck=False), "id-pkix-ocsp-nocheck"),
    "a CA": (lambda: certificate(KEY, FIRST, ca=True), "no CA"),
    "a keyUsage without digitalSignature": (
        lambda: certificate(KEY, FIRST, key_usage=usage(digital_signature=False)),
        "digitalSignature",
    ),
}


@pytest.mark.parametrize("name", list(REFUSED_DELEGATES))
def test_delegates_that_clients_would_not_believe(name: str) -> None:
    """RFC 6960 sections 4.2.2.2 and 4.2.2.2.1, BR 4.9.9: refused when they are configured."""
    make, words = REFUSED_DELEGATES[name]
    with pytest.raises(InputRefused, match=words):
        delegated(make())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"ca": None},
        {"key_usage": usage(digital_signature=True)},
        {"purposes": (ExtendedKeyUsageOID.CLIENT_AUTH, OCSP_SIGNING)},
    ],
    ids=["usual", "no basicConstraints", "digitalSignature", "two purposes"],
)
def test_delegates_that_are_taken(options: dict[str, Any]) -> None:
    """What RFC 6960 leaves open stays open."""
    found = delegated(certificate(KEY, FIRST, **options))
    generation = world()[1].generations[0]
    assert found.identity_for(generation, NOW) is not None


def test_a_pinned_certificate_needs_less() -> None:
    """RFC 6960 section 4.2.2.2, local configuration: no purpose, no nocheck; no keyUsage against it."""
    generation = world()[1].generations[0]
    signer = local(certificate(KEY, purposes=(), nocheck=False, ca=None))
    assert signer.identity_for(generation, NOW) is not None
    with pytest.raises(InputRefused, match="digitalSignature"):
        local(certificate(KEY, key_usage=usage(digital_signature=False)))


def test_a_delegate_signs_only_for_the_key_that_issued_it() -> None:
    """Same DN, other key (RFC 6960 section 4.2.2.2): refused at start, silent for a CA that comes later."""
    authorities, authority = world()
    wrong = delegated(certificate(KEY, ca().generations[1]), generation=0)
    with pytest.raises(InputRefused, match="issued by the generation itself"):
        Responder(authorities, {TrustMode.DELEGATED: wrong}, FixedClock(NOW))
    assert wrong.identity_for(authority.generations[0], NOW) is None
    assert wrong.identity_for(authority.generations[1], NOW) is None


def test_a_certificate_for_another_key_is_refused() -> None:
    """Every client would refuse every answer."""
    with pytest.raises(InputRefused, match="another key"):
        LocallyTrustedSigner(certificate(KEY), OTHER)


def test_a_certificate_with_a_broken_extension_is_refused() -> None:
    """An extension that cannot be read says nothing of what the key is for."""
    built = (
        x509.CertificateBuilder()
        .subject_name(pki.x509_name(("CN", "r")))
        .issuer_name(pki.x509_name(("CN", "r")))
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
        .add_extension(
            x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.15"), b"\x04\x00"), critical=False
        )
        .sign(KEY, pki_sha256())
    )
    with pytest.raises(InputRefused, match="extensions in DER"):
        local(built)


def pki_sha256() -> Any:
    from cryptography.hazmat.primitives import hashes

    return hashes.SHA256()


# --- keys ---


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: rsa.generate_private_key(65537, 1024), "1024 bits"),  # noqa: S505 - refused
        (lambda: ec.generate_private_key(ec.SECP521R1()), "another curve"),
        (lambda: ec.generate_private_key(ec.SECP256K1()), "another curve"),
    ],
)
def test_keys_that_should_not_sign(make: Callable[[], Any], words: str) -> None:
    """RSA below 2048 bits, and curves that clients do not know."""
    with pytest.raises(InputRefused, match=words):
        signing_key(make())


@pytest.mark.parametrize(
    ("kind", "slow"), [("p256", False), ("ed25519", False), ("p384", True), ("rsa", True)]
)
def test_what_takes_long_says_so(kind: str, slow: bool) -> None:
    """P-256 is signed on the event loop, RSA and P-384 beside it."""
    key = FileKey(pki.key(kind, 60))
    assert key.slow is slow
    assert signing_key(key) is key


def test_key_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """PEM of the kinds that sign; what else stands in a file is told without being quoted."""
    pem = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert FileKey.from_pem(pem).public_key() == KEY.public_key()
    other = ed448.Ed448PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(InputRefused, match="another kind"):
        FileKey.from_pem(other)
    with pytest.raises(InputRefused, match="without a password") as told:
        FileKey.from_pem(pem[:60])
    assert pem[30:50].decode() not in str(told.value)


def test_a_certificate_of_a_key_that_nobody_signs_with() -> None:
    """Ed448 in the certificate, or a curve of nobody's: refused by kind, before it is compared."""
    with pytest.raises(InputRefused, match="another kind"):
        LocallyTrustedSigner(of_an_unknown_curve(KEY), KEY)
    key = ed448.Ed448PrivateKey.generate()
    name = pki.x509_name(("CN", "r"))
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
        .sign(key, None)
    )
    with pytest.raises(InputRefused, match="another kind"):
        LocallyTrustedSigner(built, KEY)


class Failing:
    """A key on a token that does not answer, or that is broken."""

    slow = True

    def __init__(self, error: RevocationError) -> None:
        self.error = error
        self.algorithm = FileKey(KEY).algorithm

    def public_key(self) -> Any:
        return KEY.public_key()

    def sign(self, data: bytes) -> bytes:
        raise self.error


@pytest.mark.parametrize(("family", "said"), [(OutsideFailed, "try_later"), (OwnFault, "internal_error")])
def test_a_key_that_cannot_sign_now(made: World, family: type[RevocationError], said: str) -> None:
    """A token that is gone is tryLater; the error goes to whoever serves, the client gets five octets."""
    error = family("TOKEN_GONE", expected="a token", got="none", remedy="look")
    key: SigningKey = Failing(error)
    responder = Responder(
        made.authorities, {TrustMode.LOCAL: LocallyTrustedSigner(certificate(KEY), key)}, FixedClock(NOW)
    )
    answer = responder.respond(request(cert_id()), made.snapshot)
    assert (answer.response_status, answer.fault) == (said, error)


# --- policy ---


@pytest.mark.parametrize("along", [True, False])
def test_the_pinned_certificate_goes_along_by_setting(made: World, along: bool) -> None:
    """Its clients hold it; a delegate's goes along whatever the setting, for nobody else has it."""
    signers = {
        TrustMode.LOCAL: local(certificate(KEY)),
        TrustMode.DELEGATED: delegated(certificate(KEY, FIRST)),
    }
    policy = ResponderPolicy(certificate_in_local=along)
    responder = Responder(made.authorities, signers, made.clock, policy=policy)
    sizes = {}
    for mode in TrustMode:
        answer = responder.respond(request(cert_id()), made.snapshot, mode)
        sizes[mode] = len(ocsp.load_der_ocsp_response(answer.der).certificates)
    assert sizes == {TrustMode.LOCAL: int(along), TrustMode.DELEGATED: 1}
