"""What supervisor and workers are made of: the shared port, orders, refusals, the guest of a database."""

from __future__ import annotations

import asyncio
import io
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest
from pydantic import SecretStr

from platform_api.config import Settings, load_settings
from platform_api.db.embedded import EmbeddedPostgres
from platform_api.faults import AlreadyRunning, DatabaseFailed, SetupRefused, UsageRefused
from platform_api.listening import Address, listening, sharing
from platform_api.workers.control import Channel, refusal_of, refusal_record
from platform_api.workers.order import Order, handed_settings
from revocation.errors import InputRefused, OutsideFailed, OwnFault, RevocationError
from revocation.exits import exit_code_of


def _listen(bound: socket.socket) -> int:
    bound.listen()
    return int(bound.getsockname()[1])


def test_several_sockets_share_a_port_that_stays_held() -> None:
    """A free port is taken once; each worker binds to it, also after all others are gone; connections go to
    those that listen."""
    with sharing(Settings(port=0)) as port:
        for _ in range(2):
            with port.bind() as one, port.bind() as other:
                assert _listen(one) == _listen(other) == port.port
                with socket.create_connection(("127.0.0.1", port.port), timeout=5):
                    pass
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port.port), timeout=5)
    with listening(Settings(port=port.port)) as free:
        _listen(free)


def test_nobody_else_shares_the_port() -> None:
    """Beside a stranger that listens, a supervisor of ours that does not yet, and one that does:
    refused. SO_REUSEPORT alone would have let the last two in."""
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        port = _listen(stranger)
        with pytest.raises(AlreadyRunning, match="PORT_IN_USE"), sharing(Settings(port=port)):
            pass
    with sharing(Settings(port=0)) as ours:
        same = Settings(port=ours.port)
        with pytest.raises(AlreadyRunning, match="PORT_IN_USE"), sharing(same):
            pass
        with ours.bind() as worker:
            _listen(worker)
            for other in (sharing, listening):
                with pytest.raises(AlreadyRunning, match="PORT_IN_USE"), other(same):
                    pass


def test_an_address_of_another_machine_is_refused() -> None:
    """As for one process."""
    with pytest.raises(SetupRefused, match="ADDRESS_REFUSED"), sharing(Settings(host="192.0.2.1", port=0)):
        pass
    with pytest.raises(SetupRefused, match="ADDRESS_REFUSED"):
        Address.of("no such host", 0)


def test_an_order_says_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker has the settings of its supervisor, secrets too, whatever variables and jpki.toml say; and
    nothing of it is in a representation."""
    settings = load_settings(data_dir=tmp_path, dsn=SecretStr("postgres://a:sesame@b/c"), workers=3)
    pipe = io.BytesIO()
    order = Order(settings.model_dump(), 2, 4711, 5, 6, 7)
    order.write(pipe)
    assert len(pipe.getvalue()) < 16_384  # what a pipe takes at once is four times as much
    pipe.seek(0)
    monkeypatch.setenv("JPKI_POOL_SIZE", "77")
    monkeypatch.setenv("JPKI_MODE", "nonsense")
    (tmp_path / "jpki.toml").write_text("{broken")
    read = Order.read(pipe)
    handed = handed_settings(read.given)
    assert handed.model_dump() == settings.model_dump()
    assert (read.index, read.supervisor, read.shared, read.listener, read.control) == (2, 4711, 5, 6, 7)
    assert "sesame" not in repr(order) + repr(read) + str(handed)


@pytest.mark.parametrize("family", [InputRefused, OutsideFailed, OwnFault, SetupRefused, UsageRefused])
def test_a_refusal_is_the_same_at_the_other_end(family: type[RevocationError]) -> None:
    """Sentence, family and exit code."""
    error = family("CODE", expected="a", got="b", remedy="c")
    told = refusal_of(refusal_record(error))
    assert (str(told), exit_code_of(told)) == (str(error), exit_code_of(error))
    assert isinstance(told, InputRefused) == isinstance(error, InputRefused)
    assert isinstance(told, OutsideFailed) == isinstance(error, OutsideFailed)


async def test_a_channel_carries_messages_until_the_other_end_is_gone() -> None:
    """Whole messages in order, a long one too; then None, also behind half a message or no JSON at all."""
    ours, theirs = socket.socketpair()
    one, other = await Channel.over(ours), await Channel.over(theirs)
    one.send("told", body="x" * 300_000)
    one.send("flip")
    first = await other.receive()
    assert first is not None
    assert (first["say"], len(first["body"])) == ("told", 300_000)
    assert await other.receive() == {"say": "flip"}
    await one.close()
    assert await other.receive() is None
    one.send("flip")  # nobody to hear it
    await other.close()
    for octets in (b'{"say":"fl', b"\xff\n"):
        ours, theirs = socket.socketpair()
        reading = await Channel.over(theirs)
        ours.sendall(octets)
        ours.close()
        assert await reading.receive() is None
        await reading.close()


async def test_a_guest_never_runs_the_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody runs it a guest waits and is refused; it takes no lock and makes no cluster."""
    monkeypatch.setattr("platform_api.db.embedded.START_TIMEOUT_S", 0.2)
    guest = EmbeddedPostgres(tmp_path / "data", guest=True)
    with pytest.raises(DatabaseFailed, match="DATABASE_LOCKED"):
        await guest.ensure()
    assert not guest.runs_here
    assert not await asyncio.to_thread((tmp_path / "data" / "postgres").exists)


def test_an_admin_port_is_for_several(tmp_path: Path) -> None:
    """A single process has all of it on its own port: said at the start instead of ignored."""
    with pytest.raises(SetupRefused, match="SETTING_REFUSED"):
        load_settings(data_dir=tmp_path, admin_port=9000)
    assert load_settings(data_dir=tmp_path, admin_port=9000, workers=2).admin_host == "127.0.0.1"


def test_contexts_are_left_when_binding_fails() -> None:
    """No socket of a refused attempt stays open: the port is free right after."""
    with ExitStack() as held:
        ours = held.enter_context(sharing(Settings(port=0)))
        with pytest.raises(AlreadyRunning), sharing(Settings(port=ours.port)):
            pass
    with sharing(Settings(port=ours.port)):
        pass
