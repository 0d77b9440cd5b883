"""What a reader needs to compare: the processor above all, since SHA-256 is the neighbour."""

from __future__ import annotations

import os
import platform
import ssl
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any


def machine_facts() -> dict[str, Any]:
    """The machine and what runs on it, at the start of a run."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text(encoding="utf-8").splitlines() if facts.exists() else []
    cpu = dict(line.replace("\t", "").split(":", 1) for line in lines if ":" in line)
    flags = cpu.get("flags", cpu.get("Features", "")).split()
    command = subprocess.run(["openssl", "version"], capture_output=True, text=True, check=True)
    return {
        "cpu": cpu.get("model name", platform.machine()).strip(),
        "architecture": platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_octets": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "sha_instructions": not {"sha_ni", "sha2"}.isdisjoint(flags),
        "load_1min_at_start": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "openssl_command": command.stdout.strip(),
        "openssl": ssl.OPENSSL_VERSION,
        "cryptography": version("cryptography"),
        "numpy": version("numpy"),
    }


def commit() -> str:
    """Which source it was; "unknown" outside a checkout."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent,
    )
    return done.stdout.strip() or "unknown"
