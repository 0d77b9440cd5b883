"""The OCSP figures: each starts what it measures, asks in turn, and gives a ratio for each pair."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote

from benchmarks.json_batch_figures import json_batch
from benchmarks.measuring import Figure
from benchmarks.ocsp_go import presigned_go
from benchmarks.ocsp_load import CLIENT_CORE, SERVER_CORE, Load, load
from benchmarks.ocsp_product import Product, answers_of, body_of, post
from benchmarks.ocsp_servers import Served, nginx, plain_aiohttp
from benchmarks.ocsp_tls import over_tls
from revocation.errors import OutsideFailed, OwnFault

_WORKLOAD: Final = "certificates of one CA, one in ten revoked, asked in turn"
_LEAST: Final = 200
_IDENTIFIED: Final = {"ocsp_callers": "identified"}
_ANYBODY: Final = {"ocsp_callers": "everybody"}
#: Everything that a load tester wants to see is measured, nothing is held back by our own limits.
_NONCES: Final = {"ocsp_signing_share": 1.0}


@dataclass
class Bench:
    """One run: where everything lies, how often and how long."""

    folder: Path
    pairs: int
    seconds: float
    say: Callable[[str], None]
    product: Product = field(init=False)

    def __post_init__(self) -> None:
        self.product = Product.made(self.folder)

    # -- servers ---------------------------------------------------------------------------------------

    @contextmanager
    def identified(self, **settings: object) -> Iterator[tuple[Served, list[bytes]]]:
        """The product for callers with a key; and the requests of one, all answered before."""
        with self.product.serving(_IDENTIFIED | settings) as served:
            key = self.product.api_key()
            requests = [post(der, key) for der in self.product.requests()]
            self._warm(served, requests)
            yield served, requests

    @contextmanager
    def anybody(self, **settings: object) -> Iterator[tuple[Served, list[bytes]]]:
        """The product for anybody (RFC 9919's caching headers)."""
        with self.product.serving(_ANYBODY | settings) as served:
            requests = [post(der) for der in self.product.requests()]
            self._warm(served, requests)
            yield served, requests

    def _warm(self, served: Served, requests: list[bytes]) -> None:
        """Twice each: what no list names is kept from the second time on."""
        for _ in range(3):
            self.ask(served, requests)

    def ask(
        self, served: Served, requests: list[bytes], *, rate: float = 0, pieces: list[int] | None = None
    ) -> Load:
        """One run; a response that is not what it should be is no figure."""
        found = load(
            served.port,
            requests,
            served.processes,
            seconds=self.seconds,
            rate=rate,
            pieces=pieces,
            least=_LEAST,
        )
        if found.errors:
            raise OwnFault(
                "BENCHMARK_WRONG",
                expected="nothing but whole answers",
                got=f"{found.errors} errors",
                remedy="report this as a bug; no figure is given",
            )
        return found

    def in_turn(self, ours: Callable[[], float], neighbour: Callable[[], float]) -> list[tuple[float, float]]:
        """So many pairs, the one first and the other first in turn; one pair before does not count."""
        taken = []
        for number in range(-1, self.pairs):
            if number % 2:
                theirs, own = neighbour(), ours()
            else:
                own, theirs = ours(), neighbour()
            if number >= 0:
                taken.append((own, theirs))
        return taken

    def ratio(
        self, taken: list[tuple[float, float]], *, sides: tuple[str, str] = ("ours", "neighbour")
    ) -> Figure:
        """The first by the second."""
        middle = [sorted(column)[len(column) // 2] for column in zip(*taken, strict=True)]
        values = tuple(own / theirs for own, theirs in taken)
        return Figure(values, len(self.product.serials), _WORKLOAD, dict(zip(sides, middle, strict=True)))


def beside_nginx(bench: Bench) -> dict[str, Figure]:
    """The main row and its processor time, the same server and the same neighbour."""
    with bench.identified() as (served, requests):
        whole, body = body_of(served.port, requests[0])
        with nginx(bench.folder, whole_octets=whole, body_octets=len(body)) as neighbour:
            static = [b"GET /answer HTTP/1.1\r\nHost: localhost\r\n\r\n"]
            memory = [b"GET /memory HTTP/1.1\r\nHost: localhost\r\n\r\n"]
            ours: list[Load] = []

            def own() -> float:
                ours.append(bench.ask(served, requests))
                return ours[-1].requests_per_s

            rates = bench.in_turn(own, lambda: bench.ask(neighbour, static).requests_per_s)
            costs = bench.in_turn(
                lambda: bench.ask(neighbour, memory).cpu_us, lambda: bench.ask(served, requests).cpu_us
            )
    return {
        "cached_post_vs_nginx_static": bench.ratio(rates),
        "cached_cpu_vs_nginx_return200": bench.ratio(costs, sides=("neighbour", "ours")),
    }


def anonymous(bench: Bench) -> dict[str, Figure]:
    """What anybody gets by POST, beside nginx."""
    with bench.anybody() as (served, requests):
        whole, body = body_of(served.port, requests[0])
        with nginx(bench.folder, whole_octets=whole, body_octets=len(body)) as neighbour:
            static = [b"GET /answer HTTP/1.1\r\nHost: localhost\r\n\r\n"]
            taken = bench.in_turn(
                lambda: bench.ask(served, requests).requests_per_s,
                lambda: bench.ask(neighbour, static).requests_per_s,
            )
    return {"cached_post_anonymous_vs_nginx_static": bench.ratio(taken)}


def get_and_plain(bench: Bench) -> dict[str, Figure]:
    """What anybody gets by GET and by POST, and what a plain handler gives."""
    with bench.anybody() as (served, requests):
        body = body_of(served.port, requests[0])[1]
        gets = [
            f"GET /ocsp/{quote(b64encode(der).decode(), safe='')} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
            for der in bench.product.requests()
        ]

        def own() -> float:
            return bench.ask(served, requests).requests_per_s

        with plain_aiohttp(bench.folder, body) as plain:
            return {
                "cached_get_vs_post": bench.ratio(
                    bench.in_turn(lambda: bench.ask(served, gets).requests_per_s, own)
                ),
                "cached_vs_plain_aiohttp": bench.ratio(
                    bench.in_turn(own, lambda: bench.ask(plain, requests).requests_per_s)
                ),
            }


def mixed(bench: Bench) -> dict[str, Figure]:
    """Unusual requests, nonces and split reads among the usual ones, on the same connections."""
    with bench.identified(**_NONCES) as (served, requests):
        key = requests[0].partition(b"Bearer ")[2].partition(b"\r\n")[0].decode()
        plain, nonced = bench.product.requests(), bench.product.requests(nonce=True)
        rng = random.Random(3)
        asked, pieces = [], []
        for usual, der, with_nonce in zip(requests, plain, nonced, strict=True):
            kind = rng.random()
            one = usual
            if kind < 0.01:
                one = _unusual(rng.randrange(3), der, key)
            elif kind < 0.06:
                one = post(with_nonce, key)
            asked.append(one)
            pieces.append(rng.randrange(20, len(one)) if rng.random() < 0.3 else 0)
        bench.ask(served, asked, pieces=pieces)
        taken = bench.in_turn(
            lambda: bench.ask(served, asked, pieces=pieces).requests_per_s,
            lambda: bench.ask(served, requests).requests_per_s,
        )
    return {"mixed_traffic_vs_pure": bench.ratio(taken)}


def _unusual(kind: int, der: bytes, key: str) -> bytes:
    if kind == 0:
        head = post(b"", key, "Transfer-Encoding: chunked\r\n").replace(b"Content-Length: 0\r\n", b"")
        return head + b"%x\r\n" % len(der) + der + b"\r\n0\r\n\r\n"
    if kind == 1:
        return post(der, key, "Accept: */*\r\nAccept-Encoding: gzip\r\nUser-Agent: " + "x" * 600 + "\r\n")
    path = quote(b64encode(der).decode(), safe="/")
    return f"GET /ocsp/{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n".encode()


def nonce_p256(bench: Bench) -> dict[str, Figure]:
    """Each answer signed for its nonce."""
    with bench.anybody(**_NONCES) as (served, _):
        requests = [post(der) for der in bench.product.requests(nonce=True)]
        bench.ask(served, requests)
        taken = bench.in_turn(
            lambda: bench.ask(served, requests).requests_per_s,
            lambda: openssl_signatures("ecdsap256", bench.seconds),
        )
    return {"nonce_p256_vs_openssl_speed": bench.ratio(taken)}


def nonce_rsa(bench: Bench) -> dict[str, Figure]:
    """The same by an RSA-2048 key, in ``jpki responder``: made in threads, beside the loop."""
    with bench.product.responder(bench.folder) as served:
        requests = [post(der) for der in bench.product.requests(nonce=True)]
        bench.ask(served, requests)
        taken = bench.in_turn(
            lambda: bench.ask(served, requests).requests_per_s,
            lambda: openssl_signatures("rsa2048", bench.seconds),
        )
    return {"nonce_rsa2048_vs_openssl_speed": bench.ratio(taken)}


def go(bench: Bench) -> dict[str, Figure]:
    """Beside Go's net/http, with the same answers in a map."""
    with bench.anybody() as (served, requests):
        answers = answers_of(served.port, bench.product.requests())
        with presigned_go(bench.folder, answers) as neighbour:
            taken = bench.in_turn(
                lambda: bench.ask(served, requests).requests_per_s,
                lambda: bench.ask(neighbour, requests).requests_per_s,
            )
    return {"cached_vs_go_presigned": bench.ratio(taken)}


def openssl_signatures(algorithm: str, seconds: float) -> float:
    """Signatures a second by ``openssl speed`` on the server's core."""
    done = subprocess.run(
        [
            *("taskset", "-c", str(SERVER_CORE), "openssl", "speed", "-elapsed", "-seconds"),
            *(str(max(1, round(seconds))), algorithm),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    for line in reversed(done.stdout.splitlines()):
        if line.strip().startswith(("rsa 2048", "256 bits ecdsa")):
            return float(line.split()[-2])
    raise OutsideFailed(
        "OPENSSL_SPEED_FAILED",
        expected=f"a line of openssl speed {algorithm}",
        got="none",
        remedy="apt install openssl",
    )


def half_load(bench: Bench) -> dict[str, Figure]:
    """p99 at half of what the slower of the two can do."""
    with bench.identified() as (served, requests):
        whole, body = body_of(served.port, requests[0])
        with nginx(bench.folder, whole_octets=whole, body_octets=len(body)) as neighbour:
            static = [b"GET /answer HTTP/1.1\r\nHost: localhost\r\n\r\n"]
            most = [bench.ask(served, requests), bench.ask(neighbour, static)]
            rate = min(one.requests_per_s for one in most) / 2
            calm = bench.in_turn(
                lambda: bench.ask(served, requests, rate=rate).percentile(0.99),
                lambda: bench.ask(neighbour, static, rate=rate).percentile(0.99),
            )
    return {"p99_vs_nginx_at_half_load": bench.ratio(calm)}


def swaps(bench: Bench) -> dict[str, Figure]:
    """p99 at half load while one set after the other is published, and while as many are published where
    nobody answers from them: the publisher's own work disturbs both, on a machine of two cores."""
    folder = bench.folder / "elsewhere"
    folder.mkdir()
    with (
        bench.identified() as (served, requests),
        _publisher(bench.product) as here,
        _publisher(Product.made(folder)) as elsewhere,
    ):
        rate = bench.ask(served, requests).requests_per_s / 2

        def beside(publish: Callable[[], None]) -> float:
            stop = threading.Event()
            sets = threading.Thread(target=_publish_until, args=(publish, stop))
            sets.start()
            found = bench.ask(served, requests, rate=rate).percentile(0.99)
            stop.set()
            sets.join()
            return found

        taken = bench.in_turn(lambda: beside(here), lambda: beside(elsewhere))
    return {"swap_p99_vs_no_swap": bench.ratio(taken)}


def _publish_until(publish: Callable[[], None], stop: threading.Event) -> None:
    while not stop.wait(0.5):
        publish()


@contextmanager
def _publisher(product: Product) -> Iterator[Callable[[], None]]:
    """Publishes a set when called; on the client's core, in the time that the client leaves."""
    process = subprocess.Popen(
        [
            *("chrt", "-i", "0", "taskset", "-c", str(CLIENT_CORE)),
            *(sys.executable, "-m", "benchmarks.ocsp_publish", str(product.folder.parent)),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None  # noqa: PT018 - pipes
    said = process.stdout

    def publish() -> None:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        said.readline()

    try:
        said.readline()
        yield publish
    finally:
        process.stdin.close()
        process.wait(60)
        said.close()


def workers(bench: Bench) -> dict[str, Figure]:
    """What a request costs in one process and in two: nothing is shared that grows."""
    with bench.anybody() as (alone, requests):
        one = [bench.ask(alone, requests).cpu_us for _ in range(bench.pairs)]
    with bench.anybody(workers=2) as (both, requests):
        two = [bench.ask(both, requests).cpu_us for _ in range(bench.pairs)]
    taken = list(zip(one, two, strict=True))
    return {"workers2_vs_1": bench.ratio(taken, sides=("one", "two"))}


def tls(bench: Bench) -> dict[str, Figure]:
    """Over TLS and without, by wrk, which speaks both."""
    return {"tls_vs_plain": bench.ratio(over_tls(bench.product, bench.folder, bench.pairs, bench.seconds))}


#: What is measured together.
GROUPS: Final[tuple[tuple[tuple[str, ...], Callable[[Bench], dict[str, Figure]]], ...]] = (
    (("cached_post_vs_nginx_static", "cached_cpu_vs_nginx_return200"), beside_nginx),
    (("cached_post_anonymous_vs_nginx_static",), anonymous),
    (("cached_get_vs_post", "cached_vs_plain_aiohttp"), get_and_plain),
    (("mixed_traffic_vs_pure",), mixed),
    (("cached_vs_go_presigned",), go),
    (("nonce_p256_vs_openssl_speed",), nonce_p256),
    (("nonce_rsa2048_vs_openssl_speed",), nonce_rsa),
    (("p99_vs_nginx_at_half_load",), half_load),
    (("swap_p99_vs_no_swap",), swaps),
    (("workers2_vs_1",), workers),
    (("tls_vs_plain",), tls),
    (("json_batch_vs_orjson_dict", "json_batch_mstatuses_per_s"), json_batch),
)
