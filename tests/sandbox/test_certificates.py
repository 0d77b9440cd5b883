"""Certificates of the sandbox, read by cryptography and OpenSSL against the profile in jpki.md section 1."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from asn1crypto import core
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from platform_api.sandbox.ca import ISSUER, POLICY_OID
from platform_api.sandbox.lists import distribution_point
from platform_api.sandbox.municipalities import BY_CODE
from platform_api.sandbox.register import IssuedCertificate
from platform_api.sandbox.world import World


def _samples(world: World) -> list[IssuedCertificate]:
    """Certificates of both generations, of every length of serial, valid and revoked."""
    register, _ = world.begun()
    everything = sorted(register.by_serial.values(), key=lambda found: found.serial)
    return everything[:: max(1, len(everything) // 24)]


def _verified(world: World, issued: IssuedCertificate) -> x509.Certificate:
    certificate = x509.load_der_x509_certificate(world.maker.der(issued))
    key = world.authority.generation(issued.generation).certificate.public_key()
    assert isinstance(key, RSAPublicKey)
    key.verify(certificate.signature, certificate.tbs_certificate_bytes, PKCS1v15(), SHA256())
    return certificate


def test_the_two_generations_share_a_name_and_nothing_else(played: World) -> None:
    """One DN, two self-signed keys, keyCertSign and cRLSign, no AKI, CRLDP naming itself (section 1.1)."""
    older, newer = (generation.certificate for generation in played.authority.generations)
    assert older.subject == newer.subject == older.issuer == newer.issuer == ISSUER
    assert older.subject.rfc4514_string().endswith("O=JPKI-TEST,C=JP")
    assert older.not_valid_before_utc < newer.not_valid_before_utc < older.not_valid_after_utc
    assert older.serial_number < newer.serial_number
    for certificate in (older, newer):
        certificate.verify_directly_issued_by(certificate)
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
        assert usage.critical
        assert usage.value.key_cert_sign
        assert usage.value.crl_sign
        with pytest.raises(x509.ExtensionNotFound):
            certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
        assert points[0].full_name == [x509.DirectoryName(ISSUER)]
    assert older.public_key() != newer.public_key()


def test_end_entities_follow_the_profile(played: World) -> None:
    """Subject, key usage, policy, CRLDP, AIA, AKI and dates are those of the signing profile."""
    for issued in _samples(played):
        certificate = _verified(played, issued)
        place = BY_CODE[issued.municipality_code]
        subject = [(attribute.oid, attribute.value) for attribute in certificate.subject]
        assert subject[:3] == [
            (NameOID.COUNTRY_NAME, "JP"),
            (NameOID.LOCALITY_NAME, place.prefecture_romanised),
            (NameOID.LOCALITY_NAME, place.name_romanised),
        ]
        common_name = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
        assert isinstance(common_name, str)
        assert len(common_name) == 23
        assert common_name[14:19] == place.code[:5]
        extensions = certificate.extensions
        usage = extensions.get_extension_for_class(x509.KeyUsage)
        assert usage.critical
        assert (usage.value.digital_signature, usage.value.content_commitment) == (True, True)
        policies = extensions.get_extension_for_class(x509.CertificatePolicies)
        assert policies.critical
        assert [policy.policy_identifier.dotted_string for policy in policies.value] == [POLICY_OID]
        point = extensions.get_extension_for_class(x509.CRLDistributionPoints).value[0]
        assert point.full_name is not None
        assert point.full_name[0].value.public_bytes() == distribution_point(place.code)
        access = extensions.get_extension_for_class(x509.AuthorityInformationAccess).value[0]
        assert access.access_method == AuthorityInformationAccessOID.OCSP
        assert access.access_location.value == "http://ocspsignnorm.jpki.test"
        identifier = extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        assert identifier == played.authority.generation(issued.generation).subject_key_identifier
        assert certificate.not_valid_before_utc == issued.not_before
        assert certificate.not_valid_after_utc == issued.not_after
        assert isinstance(certificate.public_key(), RSAPublicKey)


def test_the_six_other_names_carry_the_four_items(played: World) -> None:
    """Six distinct otherNames, each a UTF8String, each with the register's value (section 1.4)."""
    for issued in _samples(played):
        names = _verified(played, issued).extensions.get_extension_for_class(x509.SubjectAlternativeName)
        found = {
            name.type_id.dotted_string: core.UTF8String.load(name.value, strict=True).native
            for name in names.value
            if isinstance(name, x509.OtherName)
        }
        items = issued.items
        assert len(names.value) == 6
        assert found == {
            "1.2.392.200149.8.5.5.1": items.name,
            "1.2.392.200149.8.5.5.2": items.name_substitute_characters,
            "1.2.392.200149.8.5.5.3": items.gender,
            "1.2.392.200149.8.5.5.4": items.date_of_birth,
            "1.2.392.200149.8.5.5.5": items.address,
            "1.2.392.200149.8.5.5.6": items.address_substitute_characters,
        }


def test_serial_numbers_are_dense_over_both_generations(played: World) -> None:
    """One counter: every number from the first CA certificate on is taken exactly once, the older first."""
    register, _ = played.begun()
    authority = [generation.certificate.serial_number for generation in played.authority.generations]
    taken = sorted([*register.by_serial, *authority])
    assert taken == list(range(authority[0], authority[0] + len(taken)))
    older = [found.serial for found in register.by_serial.values() if found.generation == 1]
    newer = [found.serial for found in register.by_serial.values() if found.generation == 2]
    assert max(older) < authority[1] < min(newer)
    assert {len(f"{serial:x}") for serial in taken} == {4}
    assert min(taken) < 0x8000 <= max(taken), "numbers with and without a sign octet have to occur"


def test_openssl_verifies_the_chain(played: World, tmp_path: Path) -> None:
    """`openssl verify` accepts a certificate of each generation below both anchors of one name."""
    anchors = tmp_path / "anchors.pem"
    anchors.write_text("".join(generation.pem for generation in played.authority.generations))
    register, _ = played.begun()
    for number in (1, 2):
        issued = next(
            certificate
            for resident in register.residents.values()
            if (certificate := resident.valid_certificate(played.clock.now())) is not None
            and certificate.generation == number
        )
        file = tmp_path / f"{number}.pem"
        pem = x509.load_der_x509_certificate(played.maker.der(issued)).public_bytes(Encoding.PEM)
        file.write_bytes(pem)
        at = str(int(played.clock.now().timestamp()))
        done = subprocess.run(
            ["openssl", "verify", "-attime", at, "-CAfile", anchors, file],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def test_a_delegated_responder_is_one_below_each_generation(fresh: World) -> None:
    """OCSPSigning, nocheck, digitalSignature under both keys; the same key gets the same certificates."""
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    first = fresh.responder_certificates(pem)
    assert fresh.responder_certificates(pem) == first
    assert [row["generation"] for row in first] == [found.key_id for found in fresh.authority.generations]
    for row, generation in zip(first, fresh.authority.generations, strict=True):
        certificate = x509.load_pem_x509_certificate(row["certificate"].encode())
        certificate.verify_directly_issued_by(generation.certificate)
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert list(usages) == [ExtendedKeyUsageOID.OCSP_SIGNING]
        assert certificate.extensions.get_extension_for_class(x509.OCSPNoCheck).critical is False
        assert certificate.extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature
        assert certificate.not_valid_before_utc < fresh.clock.now() < certificate.not_valid_after_utc
        assert certificate.public_key() == key
