"""What a server says on standard output when it can be asked: one JSON line, for whoever started it."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from platform_api.logs import Log


def say_ready(log: Log, *, port: int, admin_port: int | None = None) -> None:
    """Into the log, and as the ready line; ``admin_port`` where there is one."""
    log.info("serve.started", port=port, version=_version())
    line = {"serve": "ready", "port": port}
    if admin_port is not None:
        line["admin_port"] = admin_port
    sys.stdout.write(orjson.dumps(line).decode() + "\n")
    sys.stdout.flush()


def _version() -> str:
    try:
        return version("jpki-status")
    except PackageNotFoundError:
        return "0"
