"""Does the proxy do to a connection what its modes say? Against an echo server; about 3 s."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
import time
from collections.abc import Iterator

import pytest

from tests.faults.brokers import free_ports
from tests.faults.proxy import Mode, Proxy


class Echo(socketserver.BaseRequestHandler):
    heard = b""

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            while data := self.request.recv(65536):
                type(self).heard += data
                self.request.sendall(data)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    port, target = free_ports(2)
    Echo.heard = b""
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    with socketserver.ThreadingTCPServer(("127.0.0.1", target), Echo) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        with Proxy(port, target) as running:
            yield running
        server.shutdown()


def connect(proxy: Proxy) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", proxy.port), timeout=5)
    connection.settimeout(0.3)
    return connection


def answered(connection: socket.socket, data: bytes) -> bool:
    connection.sendall(data)
    return arrives(connection, data)


def arrives(connection: socket.socket, data: bytes) -> bool:
    got = b""
    try:
        while len(got) < len(data):
            piece = connection.recv(65536)
            if not piece:
                return False
            got += piece
    except TimeoutError:
        return False
    return got == data


def test_bytes_pass(proxy: Proxy) -> None:
    with connect(proxy) as connection:
        assert answered(connection, b"x" * 1_000_000)


def test_refusing_resets_the_old_and_refuses_the_new_until_it_passes_again(proxy: Proxy) -> None:
    with connect(proxy) as connection:
        assert answered(connection, b"a")
        proxy.set(Mode.REFUSE)
        with pytest.raises(ConnectionResetError):
            answered(connection, b"b")
    with pytest.raises(ConnectionRefusedError):
        connect(proxy)
    proxy.set(Mode.PASS)
    with connect(proxy) as connection:
        assert answered(connection, b"c")


def test_reset_ends_connections_and_new_ones_pass(proxy: Proxy) -> None:
    with connect(proxy) as connection:
        assert answered(connection, b"a")
        proxy.reset_all()
        with pytest.raises(ConnectionResetError):
            answered(connection, b"b")
    with connect(proxy) as connection:
        assert answered(connection, b"c")
    assert proxy.counts["reset"] == 1


def test_a_black_hole_swallows_until_it_is_lifted(proxy: Proxy) -> None:
    with connect(proxy) as connection:
        proxy.set(Mode.BLACK_HOLE)
        assert not answered(connection, b"a")
        assert Echo.heard == b""
        proxy.set(Mode.PASS)
        assert arrives(connection, b"a")


def test_held_requests_do_not_reach_the_server_and_held_answers_do(proxy: Proxy) -> None:
    with connect(proxy) as connection:
        assert answered(connection, b"1")
        proxy.set(Mode.HOLD_REQUESTS)
        assert not answered(connection, b"a")
        assert Echo.heard == b"1"
        proxy.set(Mode.PASS)
        assert arrives(connection, b"a")
        proxy.set(Mode.HOLD_ANSWERS)
        assert not answered(connection, b"b")
        assert Echo.heard == b"1ab"
        proxy.set(Mode.PASS)
        assert arrives(connection, b"b")


def test_dead_connections_stay_silent_and_new_ones_are_fine(proxy: Proxy) -> None:
    with connect(proxy) as old:
        assert answered(old, b"a")
        proxy.set(Mode.DEAD)
        assert not answered(old, b"b")
        with connect(proxy) as new:
            assert answered(new, b"c")
        proxy.set(Mode.PASS)
        assert not arrives(old, b"b")


def test_a_delay_counts_in_both_directions(proxy: Proxy) -> None:
    proxy.set(Mode.DELAY, delay_seconds=0.1)
    with connect(proxy) as connection:
        connection.settimeout(5)
        before = time.monotonic()
        assert answered(connection, b"a" * 200_000)
        assert 0.2 <= time.monotonic() - before < 4


def test_it_stops_in_the_middle_of_a_fault_and_frees_its_port() -> None:
    port, target = free_ports(2)
    with socket.create_server(("127.0.0.1", target)):
        proxy = Proxy(port, target)
        with proxy:
            connections = [connect(proxy) for _ in range(5)]
            proxy.set(Mode.BLACK_HOLE)
            connections[0].sendall(b"x" * 100_000)
        for connection in connections:
            connection.close()
    with socket.create_server(("127.0.0.1", port)):
        pass
