"""Who may send records: tokens, users, TLS, and what silent connections cost the others."""

import asyncio
import base64
import contextlib
import json
import ssl

import bcrypt
import pytest
from aiohttp import ClientSession
from ingesting import LINES, WANT, counted, live, send, urls

from foundation.errors import ConfigError
from foundation.listen import connections
from foundation.web import WebPolicy


async def test_a_token_is_asked_for_on_both_ways_in(start_releases, tmp_path):
    (tmp_path / "token").write_text("secret\n")
    system = await start_releases(token_file=str(tmp_path / "token"))
    url, port = urls(system)
    async with ClientSession() as client:
        for given, status in [(None, 401), ("Bearer wrong", 401), ("Basic secret", 401), ("Bearer secret", 200)]:
            headers = {"Authorization": given} if given else {}
            async with client.post(url, data=LINES, headers=headers) as response:
                assert response.status == status, given
    for first, told, end in [
        (b"AUTH wrong\n", None, WANT),
        (b"AUTH secret\n", {"taken": 3, "late": 0, "refused_count": 0}, {("5.1", "3"): 4, ("5.2", "-4"): 2}),
    ]:
        assert await send(port, first + LINES) == told
        assert counted(system) == end


@pytest.fixture
def web(tmp_path, certificates):
    """Make the policy of a web configuration."""
    made = []

    def make(text="", *, tls=False):
        cert, key = certificates("ingest")
        path = tmp_path / "web.yml"
        path.write_text(f"tls_server_config: {{cert_file: {cert}, key_file: {key}}}\n{text}" if tls else text)
        path.chmod(0o600)
        made.append(WebPolicy(path))
        return made[-1]

    yield make
    for policy in made:
        policy.close()


def next_lines(system):
    """The event that lines were counted."""
    came, follower = asyncio.Event(), live(system)
    take = follower.take_lines

    def take_lines(lines):
        found = take(lines)
        came.set()
        return found

    follower.take_lines = take_lines
    return came


async def test_lines_and_requests_come_over_tls(start_releases, web, certificates):
    system = await start_releases(web(tls=True))
    url, port = urls(system)
    context = ssl.create_default_context(cafile=certificates("ingest")[0])
    assert await send(port, LINES + b"END\n", context) == {"taken": 3, "late": 0, "refused_count": 0}
    async with (
        ClientSession() as client,
        client.post(url.replace("http", "https"), data=LINES, ssl=context) as response,
    ):
        assert response.status == 200
    assert await send(port, LINES) is None, "without TLS"
    assert counted(system) == {pair: 2 * count for pair, count in WANT.items()}


async def test_over_tls_a_sender_that_just_goes_is_counted(start_releases, web, certificates, caplog):
    system = await start_releases(web(tls=True))
    context = ssl.create_default_context(cafile=certificates("ingest")[0])
    came = next_lines(system)
    _, writer = await asyncio.open_connection("127.0.0.1", urls(system)[1], ssl=context)
    writer.write(LINES)
    writer.close()
    await writer.wait_closed()
    await came.wait()
    assert counted(system) == WANT
    assert caplog.text == ""


async def test_over_tls_the_end_of_the_exporter_is_acknowledged(start_releases, web, certificates):
    system = await start_releases(web(tls=True))
    context = ssl.create_default_context(cafile=certificates("ingest")[0])
    came = next_lines(system)
    reader, writer = await asyncio.open_connection("127.0.0.1", urls(system)[1], ssl=context)
    writer.write(LINES)
    await came.wait()
    told = asyncio.create_task(reader.read())
    await start_releases()
    assert json.loads(await told) == {"taken": 3, "late": 0, "refused_count": 0}
    writer.close()


ALICE = "Basic " + base64.b64encode(b"alice:wonder").decode()


async def test_a_user_is_asked_for_where_no_token_is(start_releases, web, tmp_path):
    hashed = bcrypt.hashpw(b"wonder", bcrypt.gensalt(4)).decode()
    policy = web(f"basic_auth_users: {{alice: {hashed}}}")
    (tmp_path / "token").write_text("secret\n")
    for options, shown, status in [
        ({"tcp": None}, None, 401),
        ({"tcp": None}, ALICE, 200),
        ({"tcp": None}, "Bearer secret", 401),
        ({"token_file": str(tmp_path / "token")}, "Bearer secret", 200),
        ({"token_file": str(tmp_path / "token")}, ALICE, 401),
    ]:
        system = await start_releases(policy, **options)
        headers = {"Authorization": shown} if shown else {}
        async with ClientSession() as client, client.post(urls(system)[0], data=LINES, headers=headers) as response:
            assert response.status == status, (options, shown)


async def test_lines_without_a_token_stand_in_for_no_user(start_releases, web, tmp_path):
    hashed = bcrypt.hashpw(b"wonder", bcrypt.gensalt(4)).decode()
    policy = web()
    system = await start_releases(policy)
    assert await send(urls(system)[1], LINES) == {"taken": 3, "late": 0, "refused_count": 0}
    (tmp_path / "web.yml").write_text(f"basic_auth_users: {{alice: {hashed}}}")
    policy.refresh()
    assert await send(urls(system)[1], LINES) is None
    assert counted(system) == WANT
    with pytest.raises(ConfigError, match=r"releases\[0\]\.tcp: the web configuration has users"):
        await start_releases(policy)


async def test_a_page_of_another_site_counts_nothing(start_releases):
    system = await start_releases()
    headers = {"Origin": "http://evil.example", "Content-Type": "text/plain"}
    async with ClientSession() as client:
        async with client.post(urls(system)[0], data=LINES, headers=headers) as response:
            assert response.status == 403
        for kind in ("text/plain", "application/x-www-form-urlencoded"):  # what curl sends
            async with client.post(urls(system)[0], data=LINES, headers={"Content-Type": kind}) as response:
                assert response.status == 200


async def test_who_shows_the_token_gets_in_at_once_and_stays_where_all_others_are_silent(start_releases, tmp_path):
    (tmp_path / "token").write_text("secret")
    system = await start_releases(token_file=str(tmp_path / "token"))
    table, port = connections(), urls(system)[1]
    table.limit = 4
    quiet_reader, quiet = await asyncio.open_connection("127.0.0.1", port)
    quiet.write(b"AUTH secret\n" + LINES)
    while counted(system) != WANT:  # noqa: ASYNC110
        await asyncio.sleep(0)
    silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(50)]
    assert (await send(port, b"AUTH secret\n" + LINES))["taken"] == 3
    table.sweep(asyncio.get_running_loop().time() + 11)
    assert [await reader.read() for reader, _ in silent] == [b""] * 50
    quiet.write_eof()
    assert json.loads(await quiet_reader.read())["taken"] == 3
    for _, writer in (*silent, (None, quiet)):
        writer.transport.abort()


async def test_a_drip_in_place_of_the_token_is_hung_up_on(start_releases, tmp_path):
    (tmp_path / "token").write_text("secret")
    system = await start_releases(token_file=str(tmp_path / "token"))
    reader, writer = await asyncio.open_connection("127.0.0.1", urls(system)[1])
    while not connections().open:  # noqa: ASYNC110
        await asyncio.sleep(0)
    for later_s in (4, 9, 11):
        writer.write(b"A")
        await asyncio.sleep(0)
        assert len(connections().open) == 1
        connections().sweep(asyncio.get_running_loop().time() + later_s)
    with contextlib.suppress(ConnectionError):  # or the end, in order
        assert await reader.read() == b""
    assert connections().cut[f"127.0.0.1:{urls(system)[1]}", "auth"] == 1
    writer.transport.abort()
