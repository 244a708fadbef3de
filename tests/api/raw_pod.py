"""Pods that answer whatever they like, byte by byte."""

import contextlib
import gzip
import socket
import socketserver
import threading
import time
from collections.abc import Callable
from typing import Self

# Sends an answer into a connection; the other side may close it at any time.
Answer = Callable[[socket.socket], None]

OK = b"HTTP/1.1 200 OK\r\n"
_BLOCK = b"x" * 2**16


class RawPod:
    """Listens at an address while it is entered, and gives each request the same answer."""

    def __init__(self, address: str, port: int, answer: Answer) -> None:
        self.address = address
        # Requests so far.
        self.asked = 0
        pod = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError):
                    request = b""
                    while b"\r\n\r\n" not in request:
                        received = self.request.recv(2**16)
                        if not received:
                            return
                        request += received
                    pod.asked += 1
                    answer(self.request)

        class Server(socketserver.ThreadingTCPServer):
            address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
            allow_reuse_address = True
            daemon_threads = True
            request_queue_size = 1024

        self._server = Server((address, port), Handler)
        self.port: int = self._server.server_address[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def sends(data: bytes) -> Answer:
    """Send this and close."""
    return lambda connection: connection.sendall(data)


def body(text: bytes) -> Answer:
    """A proper answer."""
    return sends(b"%sContent-Length: %d\r\n\r\n%s" % (OK, len(text), text))


def redirect(url: str) -> Answer:
    """Send whoever asks to another place."""
    return sends(b"HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % url.encode())


def without_end(head: bytes, block: bytes = _BLOCK) -> Answer:
    """Send `head`, then `block` for as long as it is taken."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(block)

    return answer


def slowly(data: bytes, seconds: float) -> Answer:
    """Send a byte every so many seconds."""

    def answer(connection: socket.socket) -> None:
        for byte in data:
            connection.sendall(bytes([byte]))
            time.sleep(seconds)

    return answer


def without_close(data: bytes) -> Answer:
    """Send this and keep the connection open."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(data)
        silence(connection)

    return answer


def silence(connection: socket.socket) -> None:
    """Say nothing until the other side goes."""
    connection.recv(1)


def gzip_bomb(size: int) -> Answer:
    """A small answer that would be `size` bytes when it is decompressed."""
    text = gzip.compress(b"x" * size)
    return sends(b"%sContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s" % (OK, len(text), text))
