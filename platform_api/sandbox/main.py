"""``jpki sandbox``: one process, one folder, one port; says when it listens, stops on SIGTERM and SIGINT."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from aiohttp import web

from platform_api.sandbox.app import SANDBOX, make_app
from platform_api.sandbox.auto import play_missed_days, publish_by_itself
from platform_api.sandbox.folder import LockedFolder
from platform_api.sandbox.keys import Algorithm
from platform_api.sandbox.refusals import FolderDamaged, StartRefused
from platform_api.sandbox.settings import Chosen
from platform_api.sandbox.world import World
from revocation.clock import Clock, SystemClock
from revocation.exits import DONE, INTERRUPTED, OWN_FAULT, REFUSED

_SHUTDOWN_S: Final = 2.0


def announce(port: int) -> None:
    """The line that whoever started us waits for."""
    sys.stdout.write(json.dumps({"sandbox": "ready", "port": port}) + "\n")
    sys.stdout.flush()


def run(
    folder: Path,
    *,
    host: str = "127.0.0.1",
    port: int,
    seed: int | None = None,
    residents: int | None = None,
    phone_shares_ca: bool | None = None,
    card_algorithm: str | None = None,
    kinds: str | None = None,
    auto: bool = False,
    ready: Callable[[int], None] = announce,
    base: Clock | None = None,
) -> int:
    """Runs until it is told to stop, in the main thread; the exit code. ``ready`` is told the port.

    ``kinds`` are separated by commas, ``card_algorithm`` (of the card CAs' newest key) is rsa or p384.
    """
    # Until the server takes the signals over, a start that is told to stop ends at once, nothing half-made.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        chosen = Chosen(
            seed=seed,
            residents=residents,
            phone_shares_ca=phone_shares_ca,
            card_algorithm=None if card_algorithm is None else _algorithm(card_algorithm),
            kinds=None if kinds is None else tuple(kinds.split(",")),
        )
        with _bound(host, port) as listener, LockedFolder(folder):
            world = World.open(folder, chosen, base=base or SystemClock())
            try:
                if auto:
                    world.set_auto(True)
                if world.missed_day() is not None:
                    sys.stderr.write("sandbox: publishing what is due ...\n")
                    play_missed_days(world)
                asyncio.run(_serve(world, listener, ready))
            finally:
                world.close()
    except StartRefused as refusal:
        sys.stderr.write(f"sandbox: {refusal}\n")
        return int(REFUSED)
    except (FolderDamaged, OSError) as error:
        sys.stderr.write(f"sandbox: {error}\n")
        return int(OWN_FAULT)
    except KeyboardInterrupt:
        return int(INTERRUPTED)
    finally:
        signal.signal(signal.SIGTERM, before)
    return int(DONE)


def _algorithm(name: str) -> Algorithm:
    if name not in set(Algorithm):
        raise StartRefused(
            f"expected the algorithm {' or '.join(Algorithm)}, got another; correct the option"
        )
    return Algorithm(name)


def _bound(host: str, port: int) -> socket.socket:
    """The port is taken before anything is written, so that a start without a port leaves nothing behind."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise StartRefused(
            f"no socket could be opened ({error.strerror}); check the machine's limits"
        ) from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        # Listening at once, so that two starts cannot both believe that the port is theirs.
        listener.listen()
    except (OSError, OverflowError) as error:
        listener.close()
        why = getattr(error, "strerror", None) or "not a port number"
        raise StartRefused(
            f"port {port} on {host} cannot be used ({why}); choose another with --port or stop what holds it"
        ) from None
    return listener


async def _serve(world: World, listener: socket.socket, ready: Callable[[int], None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    app = make_app(world)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_S)
    await runner.setup()
    publishing = asyncio.create_task(publish_by_itself(app[SANDBOX]))
    # It never ends by itself: an unforeseen error ends the process too, aloud, instead of lists that expire.
    publishing.add_done_callback(lambda _: stop.set())
    try:
        await web.SockSite(runner, listener).start()
        ready(listener.getsockname()[1])
        await stop.wait()
    finally:
        publishing.cancel()
        try:
            with suppress(asyncio.CancelledError):
                await publishing
        finally:
            await runner.cleanup()
