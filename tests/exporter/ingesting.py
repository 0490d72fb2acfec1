"""What the tests of both ingests share: records, what they count as, and a sender."""

import asyncio
import contextlib
import json


def live(system):
    return system._runners["app"]


def urls(system):
    addresses = live(system).addresses
    return f"http://127.0.0.1:{addresses['http']}/ingest", addresses.get("tcp")


def counted(system):
    totals = live(system).stream.state.totals
    return {(build, code): n for build, codes in totals.items() for code, n in codes.items() if n}


LINES = b"0:00:01\t5.1\t3\n0:00:01\t5.1\t3\n0:00:02,5.2,-4\n"

WANT = {("5.1", "3"): 2, ("5.2", "-4"): 1}


async def send(port, data, tls=None):
    """Send by TCP, end, and give what is answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
    try:
        writer.write(data)
        with contextlib.suppress(OSError):  # hung up on already
            if writer.can_write_eof():
                writer.write_eof()
        told = await reader.read()
        return json.loads(told) if told else None
    except ConnectionError:
        return None
    finally:
        writer.transport.abort()
