"""JSON batches of 10,000 serial numbers: the product beside orjson over a dict, both through aiohttp.

One server after the other on the server's core, the client on its own; requests go round over a few
keep-alive connections, each of which asks again when it has its answer.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.core import Bar
from benchmarks.measuring import Figure, not_a_figure, plain
from benchmarks.ocsp_load import CLIENT_CORE, cpu_seconds, on_core
from benchmarks.ocsp_product import Product
from benchmarks.ocsp_servers import Served, running

if TYPE_CHECKING:
    from benchmarks.ocsp_figures import Bench

JSON_BATCH_BARS: Final[dict[str, Bar]] = {
    "json_batch_vs_orjson_dict": Bar("higher", 3, 9),
    "json_batch_mstatuses_per_s": Bar("higher", 3, 10),
}
JSON_BATCH_WORDS: Final[dict[str, tuple[str, str]]] = {
    "json_batch_vs_orjson_dict": (
        "certificates:batchCheck, 10,000 a batch: caller identified, body validated, evidence told",
        "aiohttp, orjson and a dict of the same entries, an object of four members for each, for anybody",
    ),
    "json_batch_mstatuses_per_s": ("the same, in millions of statuses a second", "none"),
}

_ENTRIES: Final = 1_000_000
_ITEMS: Final = 10_000
_BODIES: Final = 8
_CONNECTIONS: Final = 8
_PATH: Final = "/v1/certificates:batchCheck"
_WORKLOAD: Final = "a list of one CA; batches of 10,000, one in ten revoked"


@dataclass(frozen=True, slots=True)
class Asked:
    """One run."""

    statuses_per_s: float
    #: Nanoseconds of processor time that the server took for a status, kernel included.
    cpu_ns: float


def json_batch(bench: Bench) -> dict[str, Figure]:
    """Both figures, from the same runs."""
    folder = bench.folder / "batches"
    folder.mkdir()
    product = Product.made(folder, entries=_ENTRIES, asked=_ITEMS * _BODIES)
    listed = folder / "listed"
    _write_listed(product, listed)
    with ExitStack() as opened:
        ours = opened.enter_context(product.serving({}))
        neighbour = opened.enter_context(orjson_dict(folder, listed))
        key = product.api_key()
        bodies = _bodies(product)
        own = [_post(body, key) for body in bodies]
        theirs = [_post(body) for body in bodies]
        rates: list[float] = []

        def own_rate() -> float:
            rates.append(ask(ours, own, bench.seconds).statuses_per_s)
            return rates[-1]

        taken = bench.in_turn(own_rate, lambda: ask(neighbour, theirs, bench.seconds).statuses_per_s)
    measured = [rate / 1e6 for rate in rates[-len(taken) :]]
    ratio = bench.ratio(taken)
    return {
        "json_batch_vs_orjson_dict": Figure(ratio.values, _ENTRIES, _WORKLOAD, ratio.seconds),
        "json_batch_mstatuses_per_s": plain(measured, _ENTRIES, _WORKLOAD),
    }


@contextmanager
def orjson_dict(folder: Path, listed: Path) -> Iterator[Served]:
    """The neighbour, with these entries."""
    command = [sys.executable, "-m", "benchmarks.json_batch_plain", str(listed)]
    with running(command, ready="port", folder=folder) as (process, line):
        yield Served(line["port"], (process.pid,))


def ask(served: Served, requests: Sequence[bytes], seconds: float) -> Asked:
    """Closed loop for so many seconds."""
    expected = [_exchange(served.port, request) for request in requests]
    done = 0
    with ExitStack() as opened, on_core(CLIENT_CORE):
        sockets = [
            opened.enter_context(socket.create_connection(("127.0.0.1", served.port), timeout=30))
            for _ in range(_CONNECTIONS)
        ]
        for at, one in enumerate(sockets):
            one.sendall(requests[at % len(requests)])
        before = sum(map(cpu_seconds, served.processes))
        started = time.perf_counter()
        end = started + seconds
        while time.perf_counter() < end:
            asked, one = done % len(requests), sockets[done % _CONNECTIONS]
            _check(_received(one), expected[asked])
            done += 1
            one.sendall(requests[(done + _CONNECTIONS - 1) % len(requests)])
        took = time.perf_counter() - started
        spent = sum(map(cpu_seconds, served.processes)) - before
    return Asked(done * _ITEMS / took, spent * 1e9 / (done * _ITEMS))


def _check(body: bytes, expected: bytes) -> None:
    # Ages in the evidence change from second to second; each answer has the same length and the same end.
    if len(body) != len(expected) or body[-1000:] != expected[-1000:]:
        raise not_a_figure("the same answer each time", "another one")


def _exchange(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as one:
        one.sendall(request)
        body = _received(one)
    statuses = json.loads(body)["statuses"]
    words = [status if isinstance(status, str) else status["status"] for status in statuses]
    if len(words) != _ITEMS or words.count("GOOD") not in range(_ITEMS // 2, _ITEMS):
        raise not_a_figure(f"{_ITEMS} statuses, most of them good", "others")
    return body


def _received(one: socket.socket) -> bytes:
    """The body of one response."""
    octets = bytearray()
    while b"\r\n\r\n" not in octets:
        octets += _some(one)
    head, _, _ = octets.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise not_a_figure("200", head[:12].decode("latin-1"))
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    whole = len(head) + 4 + length
    while len(octets) < whole:
        octets += _some(one)
    return bytes(octets[len(head) + 4 :])


def _some(one: socket.socket) -> bytes:
    received = one.recv(1 << 20)
    if not received:
        raise not_a_figure("a whole response", "the end of the connection")
    return received


def _bodies(product: Product) -> list[bytes]:
    ca_id = next(iter(product.authorities)).ca_id
    numbers = [format(int.from_bytes(serial[2:], "big"), "x") for serial in product.serials]
    return [
        json.dumps(
            {
                "purpose": "current_status_check",
                "ca_id": ca_id,
                "serial_numbers": numbers[at : at + _ITEMS],
            },
            separators=(",", ":"),
        ).encode()
        for at in range(0, len(numbers), _ITEMS)
    ]


def _post(body: bytes, key: str | None = None) -> bytes:
    who = "" if key is None else f"Authorization: Bearer {key}\r\n"
    head = (
        f"POST {_PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"{who}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body


def _write_listed(product: Product, file: Path) -> None:
    """A line for each entry; what is asked for has the serials' lower-case digits, as the dict has."""
    with file.open("w", encoding="ascii") as lines:
        for columns in product.calendar.columns(1, product.day):
            dates = columns.dates.astype("datetime64[s]").astype(str)
            for serial, reason, date in zip(columns.serials(), columns.reasons, dates, strict=True):
                lines.write(f"{int.from_bytes(serial, 'big'):x} {reason} {date}Z\n")
