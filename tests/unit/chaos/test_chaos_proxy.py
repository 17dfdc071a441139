"""The wire between two programs: whole, cut, silent, slow, over real sockets."""

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from lookout_cli.chaos.proxy import Proxy, TcpEnd, UnixEnd, Wire
from lookout_cli.local.ports import free_ports
from support.polling import until


class _Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with suppress(OSError):
            while chunk := self.request.recv(4096):
                self.request.sendall(chunk)


@pytest.fixture(name="wire")
def wire_fixture() -> Iterator[tuple[Proxy, int]]:
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Echo)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    (port,) = free_ports(1)
    proxy = Proxy(TcpEnd(port), TcpEnd(server.server_address[1]))
    proxy.start()
    yield proxy, port
    proxy.stop()
    server.shutdown()
    thread.join()
    server.server_close()


def _connected(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), 5)
    connection.settimeout(5)
    return connection


def _echoed(connection: socket.socket, data: bytes) -> bytes:
    connection.sendall(data)
    found = b""
    while len(found) < len(data):
        found += connection.recv(len(data) - len(found))
    return found


def test_a_whole_wire_passes_everything_in_both_directions(wire: tuple[Proxy, int]) -> None:
    with _connected(wire[1]) as connection:
        assert _echoed(connection, b"x" * 200_000) == b"x" * 200_000


def test_a_cut_wire_resets_who_is_there_and_who_comes_and_can_be_mended(
    wire: tuple[Proxy, int],
) -> None:
    proxy, port = wire
    with _connected(port) as connection:
        assert _echoed(connection, b"before") == b"before"
        proxy.set(Wire.CUT)
        assert _gone(connection)
    with suppress(OSError), _connected(port) as connection:
        assert _gone(connection)
    proxy.set(Wire.WHOLE)
    with _connected(port) as connection:
        assert _echoed(connection, b"after") == b"after"


def _gone(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def test_a_silent_wire_stays_open_and_gives_what_was_held_once_it_is_mended(
    wire: tuple[Proxy, int],
) -> None:
    proxy, port = wire
    with _connected(port) as connection:
        assert _echoed(connection, b"before") == b"before"
        proxy.set(Wire.SILENT)
        connection.sendall(b"held")
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(5)
        proxy.set(Wire.WHOLE)
        assert connection.recv(4) == b"held"


def test_a_slow_wire_takes_its_time(wire: tuple[Proxy, int]) -> None:
    proxy, port = wire
    with _connected(port) as connection:
        assert _echoed(connection, b"before") == b"before"
        proxy.set(Wire.SLOW)
        began = time.monotonic()
        assert _echoed(connection, b"slowly") == b"slowly"
        assert time.monotonic() - began >= 0.5


def test_nobody_at_the_far_end_is_as_a_cut_wire_and_a_socket_file_goes_with_it(
    tmp_path: Path,
) -> None:
    near = tmp_path / "near.sock"
    proxy = Proxy(UnixEnd(near), UnixEnd(tmp_path / "nobody.sock"))
    proxy.start()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(5)
        connection.connect(str(near))
        assert _gone(connection)
    proxy.stop()
    until(lambda: not near.exists(), "the socket to be gone")
