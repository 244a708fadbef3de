"""The TLS port, whose certificate and client CA can change while it listens."""

import asyncio
import socket
import ssl
from datetime import UTC, datetime

import pytest
from aiohttp import web

from sirocco_operator.metrics_api.listener import Listener
from sirocco_operator.metrics_api.pki import Leaf, issue

NAMES = ("localhost",)


def certificate() -> tuple[Leaf, str]:
    """A certificate, and the authority that signed it."""
    leaf, authority = issue(NAMES, datetime.now(UTC))
    return leaf, authority.decode()


async def served_certificate(connection: socket.socket) -> str:
    """The certificate that a new connection gets, PEM."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    _, writer = await asyncio.open_connection(sock=connection, ssl=context, server_hostname=NAMES[0])
    served = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return ssl.DER_cert_to_PEM_cert(served).strip()


@pytest.mark.parametrize("turns", range(6))
def test_a_connection_that_begins_while_the_certificate_changes_is_not_lost(turns: int) -> None:
    async def connect_and_change() -> str:
        listener = Listener(web.Application(), 0)
        await listener.use(*certificate())
        connection = socket.create_connection(("127.0.0.1", listener.port))
        # The change comes while the connection is taken: at each step of that once.
        for _ in range(turns):
            await asyncio.sleep(0)
        await listener.use(*certificate())
        served = await served_certificate(connection)
        await listener.close()
        return served

    assert "BEGIN CERTIFICATE" in asyncio.run(connect_and_change())


def test_a_connection_gets_the_certificate_of_its_moment() -> None:
    async def served_after_each_change() -> list[tuple[str, str]]:
        listener = Listener(web.Application(), 0)
        served = []
        for leaf, ca in (certificate(), certificate()):
            await listener.use(leaf, ca)
            connection = socket.create_connection(("127.0.0.1", listener.port))
            served.append((await served_certificate(connection), leaf.certificate.decode().strip()))
        await listener.close()
        return served

    for served, wanted in asyncio.run(served_after_each_change()):
        assert served == wanted
