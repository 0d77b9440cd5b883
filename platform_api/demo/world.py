"""The demo's processes and addresses: sandbox, service, and the night, all on loopback and in one folder."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platform_api.demo.processes import Child, ChildFailed, run_once
from revocation.errors import InputRefused
from revocation.exits import Exit

#: Exit codes of a night after which the day's set stands.
NIGHT_DONE = frozenset({Exit.DONE, Exit.NOTHING_NEW, Exit.PARTIAL})


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where things listen. Port numbers are chosen by the caller and checked before anything starts."""

    port: int
    sandbox_port: int

    @property
    def service(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def sandbox(self) -> str:
        return f"http://127.0.0.1:{self.sandbox_port}"


def require_free_port(port: int, option: str) -> None:
    """Refuse before anything is made when something else listens there already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise InputRefused(
                "PORT_IN_USE",
                expected=f"port {port} on 127.0.0.1 to be free",
                got="another process listening on it",
                remedy=f"stop that process or choose another port with {option}",
            ) from None


class World:
    """Starts and stops the two servers and runs nights between them."""

    def __init__(self, folder: Path, addresses: Addresses, *, seed: int, residents: int) -> None:
        self.folder = folder
        self.data = folder / "service"
        self.addresses = addresses
        self._env = {
            **os.environ,
            "JPKI_MODE": "sandbox",
            "JPKI_DATA_DIR": str(self.data),
            "JPKI_PORT": str(addresses.port),
            "JPKI_JLIS_URL": addresses.sandbox,
            "JPKI_SANDBOX_URL": addresses.sandbox,
            "JPKI_PUBLIC_URL": addresses.service,  # what stands on letters to customers
        }
        self.sandbox = Child(
            "sandbox",
            [
                "sandbox",
                *("--folder", str(folder / "sandbox")),
                *("--port", str(addresses.sandbox_port)),
                *("--seed", str(seed)),
                *("--residents", str(residents)),
            ],
            self._env,
            folder / "sandbox.log",
        )
        self.service = Child("serve", ["serve", "--data", str(self.data)], self._env, folder / "serve.log")

    @property
    def env(self) -> dict[str, str]:
        """Environment under which any ``jpki`` command means this world."""
        return self._env

    async def night(self) -> dict[str, Any]:
        """One ``jpki nightly`` as the operator runs it; its JSON object.

        Raises ``ChildFailed`` with the night's own exit code when no set stands after it.
        """
        code, out, err = await run_once(["nightly", "--data", str(self.data), "--json"], self._env)
        if code not in NIGHT_DONE:
            last = err.strip().splitlines()[-1:] or ["it said nothing"]
            raise ChildFailed("nightly", code, last[0])
        answer: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
        return answer

    async def refresh(self) -> dict[str, Any]:
        """One ``jpki refresh``: withdrawals polled, consents maintained, changed customers' items fetched."""
        code, out, err = await run_once(["refresh", "--data", str(self.data), "--json"], self._env)
        if code not in NIGHT_DONE:
            last = err.strip().splitlines()[-1:] or ["it said nothing"]
            raise ChildFailed("refresh", code, last[0])
        answer: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
        return answer

    async def stop(self) -> None:
        """The service first: it may still be asking the sandbox."""
        await self.service.stop()
        await self.sandbox.stop()
