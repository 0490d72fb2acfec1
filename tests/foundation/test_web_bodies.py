"""Bodies: what is packed comes out whole or is refused, within limits on one and on all."""

import asyncio
import gzip
import zlib
from contextlib import AsyncExitStack

import pytest
from aiohttp import ClientSession, web
from hypothesis import given
from hypothesis import strategies as st

from foundation.grammar import Address
from foundation.listen import serve
from foundation.web import bodies
from foundation.web.bodies import BodyError, Unpacker, body_pieces, whole_body

MAX_BYTES = 100_000


def raw_deflate(data):
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACKERS = {"gzip": gzip.compress, "deflate": zlib.compress, "raw deflate": raw_deflate}


def unpack(encoding, packed, cut):
    unpacker = Unpacker(encoding)
    found = b""
    for start in range(0, len(packed), cut):
        rest = packed[start : start + cut]
        while True:
            before, (piece, rest) = rest, unpacker.step(rest)
            assert len(piece) <= bodies.SLICE_BYTES
            assert piece or len(rest) < max(1, len(before)), "nothing is unpacked, and nothing taken"
            if not piece and not rest:
                break
            found += piece
    unpacker.finish()
    return found


@given(st.lists(st.binary(max_size=300).map(lambda data: data * 50), min_size=1, max_size=3), st.integers(1, 500))
def test_members_come_out_in_slices_as_they_went_in(members, cut):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bodies, "SLICE_BYTES", 100)
        assert unpack("gzip", b"".join(map(gzip.compress, members)), cut) == b"".join(members)


@pytest.mark.parametrize("kind", PACKERS)
@pytest.mark.parametrize("data", [b"", b"a", bytes(1 << 20)], ids=["none", "one", "many"])
def test_each_encoding(kind, data):
    assert unpack(kind.removeprefix("raw "), PACKERS[kind](data), 1000) == data


@pytest.mark.parametrize(
    ("encoding", "packed", "status"),
    [
        ("gzip", gzip.compress(b"abc", mtime=0)[:-1], 400),
        ("gzip", gzip.compress(b"abc", mtime=0) + b"junk", 400),
        ("deflate", b"junk", 400),
        ("br", b"", 415),
        ("zstd", b"\x28\xb5\x2f\xfd", 415),
        ("gzip, gzip", b"", 415),
    ],
)
def test_what_is_not_as_it_is_said_to_be_is_refused(encoding, packed, status):
    with pytest.raises(BodyError) as refused:
        unpack(encoding, packed, 1000)
    assert refused.value.status == status


@pytest.fixture
async def url():
    held = {"now": asyncio.Event(), "go": asyncio.Event()}

    async def whole(request):
        try:
            async with whole_body(request, MAX_BYTES) as body:
                if "wait" in request.query:
                    held["now"].set()
                    await held["go"].wait()
                return web.Response(text=str(len(body)))
        except BodyError as exc:
            return web.Response(status=exc.status, text=str(exc), headers=exc.headers)

    async def pieces(request):
        try:
            return web.Response(text=str(sum([len(piece) async for piece in body_pieces(request, MAX_BYTES)])))
        except BodyError as exc:
            return web.Response(status=exc.status)

    async def unread(_):
        return web.Response()

    app = web.Application()
    app.router.add_post("/whole", whole)
    app.router.add_post("/pieces", pieces)
    app.router.add_post("/unread", unread)
    async with AsyncExitStack() as stack:
        _, port = await serve(app, Address("127.0.0.1", 0), stack)
        client = await stack.enter_async_context(ClientSession(f"http://127.0.0.1:{port}"))
        yield client, held


@pytest.mark.parametrize("path", ["/whole", "/pieces"])
async def test_limits_hold_packed_and_unpacked(url, path):
    client, _ = url
    for data, headers, want in (
        (bytes(MAX_BYTES), {}, 200),
        (bytes(MAX_BYTES + 1), {}, 413),
        (gzip.compress(bytes(MAX_BYTES), mtime=0), {"Content-Encoding": "gzip"}, 200),
        (gzip.compress(bytes(MAX_BYTES + 1), mtime=0), {"Content-Encoding": "gzip"}, 413),
        (gzip.compress(bytes(100 << 20), 1, mtime=0), {"Content-Encoding": "GZIP"}, 413),
        (b"", {"Content-Encoding": "gzip"}, 200),
        (b"x", {"Content-Encoding": "zstd"}, 415),
    ):
        async with client.post(path, data=data, headers=headers) as answer:
            assert (answer.status, headers) == (want, headers)
    assert bodies._room.held_bytes == 0


async def test_a_bomb_is_unpacked_no_further_than_its_limit(url, monkeypatch):
    client, _ = url
    unpacked = []
    step = Unpacker.step
    monkeypatch.setattr(Unpacker, "step", lambda self, rest: unpacked.append(got := step(self, rest)) or got)
    bomb = gzip.compress(bytes(100 << 20))
    for path, want in (("/whole", 413), ("/unread", 200)):  # a body that nobody reads is not unpacked at all
        async with client.post(path, data=bomb, headers={"Content-Encoding": "gzip"}) as answer:
            assert answer.status == want
    assert sum(len(piece) for piece, _ in unpacked) <= MAX_BYTES + bodies.SLICE_BYTES


async def test_over_the_sum_a_client_waits_and_is_told_to_come_again(url, monkeypatch):
    monkeypatch.setattr(bodies, "MAX_HELD_BYTES", 1000)
    monkeypatch.setattr(bodies, "ROOM_S", 0.0)
    client, held = url
    first = asyncio.create_task(client.post("/whole?wait", data=bytes(800)))
    await held["now"].wait()
    async with client.post("/whole", data=bytes(300)) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    monkeypatch.setattr(bodies, "ROOM_S", 60.0)
    second = asyncio.create_task(client.post("/whole", data=bytes(300)))
    held["go"].set()
    assert [(await task).status for task in (first, second)] == [200, 200]
    assert bodies._room.held_bytes == 0
