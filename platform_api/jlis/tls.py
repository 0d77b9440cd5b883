"""TLS of the line to J-LIS: whose certificate it must show, and the one that we show. Read at the start."""

from __future__ import annotations

import ssl
from pathlib import Path

from platform_api.faults import SetupRefused
from platform_api.jlis.fields import JlisFields
from platform_api.key_files import read_secret
from platform_api.pinned_certificates import setting_refused
from platform_api.tls import in_memory, no_password, restrict

_MOST_OCTETS = 1024 * 1024


def client_context(fields: JlisFields) -> ssl.SSLContext:
    """Blocking: reads the files. ``SetupRefused`` by the setting's name; no content is repeated."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies the chain and the name
    restrict(context)
    if fields.jlis_ca is None:
        context.load_default_certs()
    else:
        try:
            context.load_verify_locations(cadata=_read(fields.jlis_ca, "jlis_ca").decode("ascii"))
        except (ssl.SSLError, ValueError):
            raise setting_refused("jlis_ca", "a file of certificates in PEM") from None
    if fields.jlis_client_certificate is not None and fields.jlis_client_key is not None:
        certificate = _read(fields.jlis_client_certificate, "jlis_client_certificate")
        key = read_secret(fields.jlis_client_key)
        try:
            with in_memory(certificate) as shown, in_memory(key) as kept:
                context.load_cert_chain(shown, kept, password=no_password)
        except (ssl.SSLError, ValueError):
            raise setting_refused(
                "jlis_client_certificate", "a certificate chain, and its key without a password, both PEM"
            ) from None
    return context


def _read(path: Path, setting: str) -> bytes:
    try:
        with path.open("rb") as file:
            octets = file.read(_MOST_OCTETS + 1)
    except OSError as error:
        raise SetupRefused(
            "SETTING_REFUSED",
            expected=f"{setting}: a readable file",
            got=type(error).__name__,
            remedy=f"correct JPKI_{setting.upper()} or the permissions of its file",
        ) from None
    if len(octets) > _MOST_OCTETS:
        raise setting_refused(setting, f"a file of at most {_MOST_OCTETS // 1024} KiB")
    return octets
