"""Syslog over connections, on real sockets."""

import asyncio
import socket

import pytest
from lifetime import until
from syslogging import MESSAGE, feeding, lines_of

from exporter.sources.syslog.settings import Listen
from exporter.sources.syslog.streams import Streams
from foundation.errors import SourceError
from foundation.listen import Limits, connections


def listening(where="tcp://127.0.0.1:0", limits=None, queue_bytes=1 << 20, **settings):
    return feeding(Streams(Listen(syslog=where, **settings), limits), queue_bytes=queue_bytes)


async def connected(receiver):
    if isinstance(receiver.address, str):
        return await asyncio.open_unix_connection(receiver.address)
    return await asyncio.open_connection(*receiver.address)


async def is_closed(reader):
    """Once the other side has closed the connection."""
    async with asyncio.timeout(20):
        try:
            return await reader.read() == b""
        except ConnectionResetError:
            return True


@pytest.mark.parametrize("kind", ["tcp", "unix-stream"])
@pytest.mark.parametrize("framing", ["lines", "counted"])
async def test_each_message_is_a_line_however_it_was_written(kind, framing, tmp_path):
    messages = [MESSAGE % n for n in range(30)]
    framed = [one + b"\n" if framing == "lines" else b"%d %s" % (len(one), one) for one in messages]
    stream = b"".join(framed)
    async with listening("tcp://127.0.0.1:0" if kind == "tcp" else f"unix-stream:{tmp_path}/s") as (received, receiver):
        _, writer = await connected(receiver)
        for at in range(0, len(stream), 7):
            writer.write(stream[at : at + 7])
            await writer.drain()
            await asyncio.sleep(0)
        assert await lines_of(received, 30) == [one + b"\n" for one in messages]
        writer.close()
        await until(lambda: not receiver.senders)
        assert received.losses.messages == {"incomplete": 0, "framing": 0}


@pytest.mark.parametrize("begin", [b"<190>Nov 27 06:25:00 web nginx: 200", b"40 <190>Nov 27"], ids=["line", "counted"])
async def test_half_a_message_is_dropped_and_counted(begin):
    async with listening() as (received, receiver):
        _, writer = await connected(receiver)
        writer.write(begin)
        writer.close()
        await until(lambda: received.losses.messages["incomplete"] == 1 and not receiver.senders)
        assert b"".join(batch.data for batch in await received.rest()) == b""
        assert received.losses.messages == {"incomplete": 1, "framing": 0}


async def test_garbage_ends_its_connection_and_costs_no_other():
    async with listening() as (received, receiver):
        reader, writer = await connected(receiver)
        other_reader, other = await connected(receiver)
        writer.write(b"5 <1>ok\x00\x01\x02 nonsense")
        assert await is_closed(reader)
        other.write(MESSAGE % 7 + b"\n")
        assert await lines_of(received, 2) == [b"<1>ok\n", MESSAGE % 7 + b"\n"]
        assert received.losses.messages == {"incomplete": 0, "framing": 1}
        assert not other_reader.at_eof()
        for each in (writer, other):
            each.close()


async def test_a_full_queue_holds_the_senders_and_loses_nothing(tmp_path):
    """1 MiB goes through a queue of 16 KiB; what the kernel's buffers hold is far less."""
    count, queue = 1024, 16 << 10
    line = b"<190>" + b"x" * 1000 + b" %06d\n"
    async with listening(f"unix-stream:{tmp_path}/s", queue_bytes=queue) as (received, receiver):
        _, writer = await connected(receiver)

        async def send():
            for n in range(count):
                writer.write(line % n)
                await writer.drain()

        sending = asyncio.create_task(send())
        await until(lambda: received.status.lag_bytes >= queue)
        assert not sending.done()
        assert received.status.lag_bytes <= queue + (64 << 10) + len(line % 0)
        got = await lines_of(received, count)
        assert got == [line % n for n in range(count)]
        await sending
        writer.close()


async def test_the_end_takes_what_was_sent():
    async with listening(queue_bytes=1) as (received, receiver):
        _, writer = await connected(receiver)
        writer.write(b"<1>first\n")
        await until(lambda: received.status.lag_bytes)
        writer.write(b"<1>second\n<1>third\n<1>half")
        await writer.drain()
        await asyncio.sleep(0)
        got = b"".join(batch.data for batch in await received.rest())
        assert got == b"<1>first\n<1>second\n<1>third\n"
        assert received.losses.messages["incomplete"] == 1
        writer.close()


async def test_a_sender_that_never_ends_its_message_is_closed_and_a_quiet_one_is_not():
    async with listening(limits=Limits(body_s=0.0)) as (received, receiver):
        slow_reader, slow = await connected(receiver)
        quiet_reader, quiet = await connected(receiver)
        quiet.write(b"<1>whole\n")
        assert await lines_of(received, 1) == [b"<1>whole\n"]
        slow.write(b"<1>ha")
        assert await is_closed(slow_reader)
        assert received.losses.messages["incomplete"] == 1
        assert not quiet_reader.at_eof()
        assert len(receiver.senders) == 1
        for each in (slow, quiet):
            each.close()


async def test_with_too_many_connections_those_that_sent_nothing_go_first():
    async with listening(max_connections=2) as (received, receiver):
        silent_reader, silent = await connected(receiver)
        await until(lambda: len(receiver.senders) == 1)
        known_reader, known = await connected(receiver)
        known.write(b"<1>a\n")
        assert await lines_of(received, 1) == [b"<1>a\n"]
        _, third = await connected(receiver)
        assert await is_closed(silent_reader)
        third.write(b"<1>b\n")
        assert await lines_of(received, 1) == [b"<1>b\n"]
        fourth_reader, fourth = await connected(receiver)
        assert await is_closed(fourth_reader)
        assert not known_reader.at_eof()
        assert connections().cut[str(receiver.address), "limit"] == 2
        for each in (silent, known, third, fourth):
            each.close()


async def test_an_idle_connection_is_closed_where_that_is_wanted():
    async with listening(idle_timeout_s=0.01) as (_, receiver):
        reader, writer = await connected(receiver)
        assert await is_closed(reader)
        assert connections().cut[str(receiver.address), "idle"] == 1
        writer.close()


async def test_a_taken_port_is_one_clear_line():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(
            SourceError, match=f"^cannot listen on 127.0.0.1:{port}: the port is taken; choose another one$"
        ):
            async with listening(f"tcp://127.0.0.1:{port}"):
                pass
