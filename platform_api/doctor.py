"""`jpki doctor`: each thing that must be right on this machine, and the remedy where it is not.

A check never changes anything and never raises: what it finds is its answer.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import shutil
import socket
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg
from pydantic import SecretStr

from platform_api.authority_check import examine_in
from platform_api.authority_input import authorities_missing
from platform_api.config import Settings
from platform_api.db.addresses import from_dsn
from platform_api.db.failures import DATABASE_ANSWERS_NOT
from platform_api.db.programs import binaries
from platform_api.db.roles import OLDEST_SERVER
from platform_api.jlis.settings import gateway_settings, service_hours
from platform_api.published_sets import sets_gone
from platform_api.signing.overview import last_end, overview
from platform_api.signing.pairs import FOLDER
from revocation.authorities import Authorities
from revocation.authority_examination import Severity
from revocation.clock import JST, SystemClock, jst_day
from revocation.errors import RevocationError
from revocation.ocsp.signer_expiry import ExpiryLevel

#: The extensions without which nothing can be decoded or looked up.
COMPILED: Final = ("revocation.crl._walk", "revocation.index._place", "revocation.index._table")
_CONNECT_TIMEOUT_S: Final = 3.0
PROGRAMS: Final = (("setpriv", "util-linux"), ("setsid", "util-linux"), ("openssl", "openssl"))


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. ``remedy`` is empty when it is right."""

    what: str
    found: str
    remedy: str = ""

    @property
    def ok(self) -> bool:
        return not self.remedy


def examine(settings: Settings) -> list[Finding]:
    """All checks, in the order in which a newcomer meets the problems. Blocking, short."""
    findings: list[Finding] = []
    for check in (
        _python,
        _compiled,
        _programs,
        _root,
        _postgres,
        _j_lis,
        _invitations,
        _folder,
        _snapshots,
        _key_files,
        _responders,
        _port,
        _authorities,
    ):
        try:
            findings.extend(check(settings))
        except RevocationError as error:
            found = f"{error.code}: {error.got}"
            findings.append(Finding(check.__name__.strip("_"), found, error.remedy))
        except (OSError, ValueError) as error:
            findings.append(Finding(check.__name__.strip("_"), type(error).__name__, str(error)))
    return findings


def _python(_: Settings) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    remedy = "" if sys.version_info >= (3, 11) else "install Python 3.11 or newer and run make run again"
    yield Finding("python", version, remedy)


def _compiled(_: Settings) -> Iterator[Finding]:
    for name in COMPILED:
        try:
            importlib.import_module(name)
        except ImportError:
            yield Finding(name, "missing", "build it: make run, or pip install -e . with gcc and Cython")
        else:
            yield Finding(name, "loaded")


def _programs(_: Settings) -> Iterator[Finding]:
    for program, package in PROGRAMS:
        path = shutil.which(program)
        yield Finding(program, path or "missing", "" if path else f"apt install {package}")


def _root(_: Settings) -> Iterator[Finding]:
    if os.geteuid() != 0:
        yield Finding("user", "ordinary")
    elif shutil.which("unshare"):
        yield Finding("user", "root, PostgreSQL runs in a user namespace")
    else:
        yield Finding("user", "root without unshare", "apt install util-linux, or run as an ordinary user")


def _postgres(settings: Settings) -> Iterator[Finding]:
    if settings.dsn is None:
        yield Finding("postgresql", f"embedded, {binaries().parent.name}")
        return
    for role, dsn in (
        ("jpki_app", settings.dsn),
        ("jpki_owner", settings.owner_dsn),
        ("detector", settings.detector_dsn),
    ):
        if dsn is not None:
            yield asyncio.run(_reachable(role, dsn))


async def _reachable(role: str, dsn: SecretStr) -> Finding:
    """Can we get in? What the server says stays with it: its text may quote the address."""
    try:
        connection = await asyncpg.connect(
            **from_dsn(dsn.get_secret_value()).arguments(), timeout=_CONNECT_TIMEOUT_S
        )
    except DATABASE_ANSWERS_NOT as failure:
        return Finding(
            f"postgresql as {role}",
            type(failure).__name__,
            "check that it runs, and the address of this role",
        )
    version = connection.get_server_version()
    await connection.close(timeout=_CONNECT_TIMEOUT_S)
    old = version.major < OLDEST_SERVER
    return Finding(
        f"postgresql as {role}", f"version {version.major}", "upgrade to 15 or newer" if old else ""
    )


def _j_lis(settings: Settings) -> Iterator[Finding]:
    """Its address, its files, its hours; nothing is sent."""
    if settings.jlis_url is None:
        yield Finding("J-LIS", "no address", "set JPKI_JLIS_URL, or jlis_url in jpki.toml")
        return
    gateway_settings(settings)  # a file that cannot be used is a finding by its setting's name
    tls = settings.jlis_url.startswith("https://")
    yield Finding("J-LIS", "address set, TLS" if tls else "address set, plain HTTP (sandbox or this machine)")
    if settings.mode == "live" and tls and settings.jlis_client_certificate is None:
        yield Finding("J-LIS client certificate", "none (fine where its line asks for none)")
    opens_at = service_hours(settings).opens_at(SystemClock().now())
    if opens_at is not None:
        yield Finding("J-LIS hours", f"closed until {opens_at.astimezone(JST):%Y-%m-%d %H:%M} JST")
    elif settings.mode == "live":
        yield Finding("J-LIS hours", "open now")


def _invitations(settings: Settings) -> Iterator[Finding]:
    """Invitations need an address that customers reach, and an app to sign in; a server may do without
    them.
    """
    if settings.public_url is None:
        yield Finding("invitations", "off: no public_url (set JPKI_PUBLIC_URL to print letters)")
    elif settings.mode == "sandbox" and settings.sandbox_url is not None:
        yield Finding("invitations", "public address set; customers sign in the sandbox's app")
    else:
        yield Finding(
            "invitations",
            "public address set, no app to sign in",
            "no real app can be used yet: their interfaces are under contract; in sandbox mode set"
            " sandbox_url",
        )


def _folder(settings: Settings) -> Iterator[Finding]:
    folder = settings.data_dir
    if not folder.exists():
        parent = folder.resolve().parent
        can = parent.is_dir() and os.access(parent, os.W_OK)
        yield Finding(
            "data folder", "not there yet", "" if can else "name a folder that you may make: --data"
        )
        return
    can = os.access(folder, os.W_OK | os.X_OK)
    yield Finding("data folder", "writable" if can else "not writable", "" if can else "correct its owner")
    free = shutil.disk_usage(folder).free
    enough = free > 1024**3
    yield Finding("disk", f"{free // 1024**2} MiB free", "" if enough else "free at least 1 GiB on this disk")


def _snapshots(settings: Settings) -> Iterator[Finding]:
    gone = sets_gone(settings)
    if gone is not None:
        yield Finding("published sets", f"{gone.code}: {gone.got}", gone.remedy)
    else:
        there = any(settings.snapshots_dir.glob("*.manifest"))
        yield Finding("published sets", "there" if there else "none yet")


def _key_files(settings: Settings) -> Iterator[Finding]:
    for path in _secrets(settings.keys_dir):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            yield Finding(path.name, f"mode {mode:04o}", f"chmod 600 {path.name}: others may read this key")
        else:
            yield Finding(path.name, f"mode {mode:04o}")


def _responders(settings: Settings) -> Iterator[Finding]:
    """Each pair that signs OCSP answers, and when the last of them ends."""
    now = SystemClock().now()
    seen = overview(settings.keys_dir, now)
    for one in seen:
        if one.refusal is not None:
            yield Finding(
                f"OCSP signer {one.name}", f"{one.refusal.code}: {one.refusal.got}", one.refusal.remedy
            )
        elif one.certificate is not None:
            until = f"until {one.certificate.not_valid_after_utc:%Y-%m-%d}"
            yield Finding(f"OCSP signer {one.name}", f"signs now, {until}" if one.signs else until)
    end = last_end(seen, now)
    if end is not None and end.level is not ExpiryLevel.FINE:
        left = max(0, int(end.seconds_left // 86_400))
        yield Finding(
            "OCSP signers",
            f"none signs any more in {left} days",
            "jpki responder-key new, and give its certificate to the institutions",
        )


def _secrets(folder: Path) -> list[Path]:
    inside = (folder / FOLDER).glob("*.pem")
    return sorted(
        p for p in (*folder.glob("*"), *inside) if p.is_file() and p.suffix in {".pem", ".key", ".json"}
    )


def _port(settings: Settings) -> Iterator[Finding]:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError:
            # A running service of ours holds it rightly; only somebody who wants to start one cares.
            yield Finding("port", f"{settings.port} is in use (fine when that is jpki serve)")
        else:
            yield Finding("port", f"{settings.port} is free")


def _authorities(settings: Settings) -> Iterator[Finding]:
    if not settings.authorities_file.is_file():
        yield Finding(
            "authorities",
            "none yet",
            "" if settings.mode == "sandbox" else authorities_missing(settings).remedy,
        )
        return
    now = SystemClock().now()
    found = Authorities.load(settings.authorities_file)
    lists = len(found.on(jst_day(now)).expected_lists())
    yield Finding("authorities", f"version {found.version}: {len(found)} CA, {lists} lists expected a day")
    findings = examine_in(settings.mode, found, now)
    for one in findings:
        if one.severity is Severity.ERROR:
            yield Finding(f"authorities {one.ca_id}".strip(), f"{one.code}: {one.found}", one.remedy)
    if any(one.severity is Severity.WARNING for one in findings):
        yield Finding("authorities", "warnings: see jpki authority check")
