"""The TLS that lists are fetched over: certificates and host names are always checked."""

from __future__ import annotations

import ssl
from pathlib import Path

from revocation.errors import InputRefused, OwnFault


def list_server_tls(
    *, ca_file: Path | None = None, certificate: Path | None = None, key: Path | None = None
) -> ssl.SSLContext:
    """A context for ``HttpSource``: trusts the CAs of ``ca_file`` only (the system's without one), and shows
    our client certificate if there is one. All files are PEM; blocks on the disk.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if certificate is not None:
            # Without a password OpenSSL would ask the terminal for the one of an encrypted key.
            context.load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:
        raise InputRefused(
            "FETCH_TLS_FILES",
            expected="a PEM file of CAs, and a client certificate with its unencrypted key",
            got=type(error).__name__,
            remedy="check the files named in the configuration and their permissions",
        ) from error
    return context


def checked(context: ssl.SSLContext | None) -> ssl.SSLContext | bool:
    """The context as aiohttp takes it; one that believes anybody is refused."""
    if context is None:
        return True
    if context.verify_mode is not ssl.CERT_REQUIRED or not context.check_hostname:
        raise OwnFault(
            "FETCH_TLS_UNCHECKED",
            expected="a TLS context that checks certificate and host name",
            got="one that does not",
            remedy="make it by list_server_tls()",
        )
    return context
