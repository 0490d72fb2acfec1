"""A picture of each board by a headless Chromium, as anybody sees it: whole, in both themes.

Chromium's own `--screenshot` shows panels that still wait for their data. So it is told what to do over its debugging
protocol, and the picture is taken once no panel waits any more.
"""

import asyncio
import base64
import contextlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp

from dashboards.grafana_check import Looked
from foundation.errors import ConfigError, SourceError, in_words

THEMES = ("dark", "light")
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_ROW_PX = 30 + 8  # of the grid of panels
_HEAD_PX = 180  # the board's own head
_MAX_PX = 16_000  # no side of a picture is longer: Chromium's own limit
_STARTED_WITHIN_S = 30.0
_DRAWN_WITHIN_S = 90.0
_QUIET_LOOKS = 4  # in a row without a panel that waits: then all are drawn
_LOOK_EVERY_S = 0.5
_MAX_ANSWER_BYTES = 64 << 20
_PANELS = """JSON.stringify({
    panels: document.querySelectorAll('section[data-testid*="Panel header"]').length,
    waiting: document.querySelectorAll('[aria-label="Panel loading bar"]').length})"""


def browser() -> str | None:
    """The path of a browser that takes pictures, if one is on PATH."""
    return next(filter(None, map(shutil.which, _BROWSERS)), None)


def without(*, anonymous: bool) -> str:
    """Why no pictures can be taken; empty when they can."""
    if browser() is None:
        return f"no pictures: none of {', '.join(_BROWSERS)} is on PATH"
    if not anonymous:
        return "no pictures: Grafana asks for a login, and the browser has none"
    return ""


async def take(looked: Looked, folder: Path, *, width_px: int, range_s: int | None) -> AsyncIterator[Path]:
    """Write UID-THEME-WIDTH.png of each board; yields each file as it is there. Raises ConfigError, SourceError."""
    _make(folder)
    async with _chromium() as page:
        for board in looked.boards:
            height_px = min(_HEAD_PX + board.rows * _ROW_PX, _MAX_PX)  # panels below the window would not be drawn
            for theme in THEMES:
                path = folder / f"{board.uid}-{theme}-{width_px}.png"
                _write(path, await page.picture(address(looked.url, board.uid, theme, range_s), width_px, height_px))
                yield path


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise ConfigError(f"--pictures {folder}: {in_words(exc)}") from exc


def _write(path: Path, picture: bytes) -> None:
    try:
        path.write_bytes(picture)
    except OSError as exc:
        raise ConfigError(f"--pictures {path}: {in_words(exc)}") from exc


def address(url: str, uid: str, theme: str, range_s: int | None) -> str:
    """Where the board is shown without menus, and still; over its own time where no other is asked for."""
    choices = {"theme": theme, "refresh": "1d", **({"from": f"now-{range_s}s", "to": "now"} if range_s else {})}
    return f"{url}/d/{quote(uid, safe='')}?{urlencode(choices)}&kiosk"


class _Page:
    """One page of the browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._asked = 0
        self._session = ""

    async def open(self) -> None:
        """Make the page."""
        target = await self._ask("Target.createTarget", url="about:blank")
        attached = await self._ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]

    async def picture(self, url: str, width_px: int, height_px: int) -> bytes:
        """The page of an address as a PNG, once its panels are drawn."""
        size = {"width": width_px, "height": height_px}
        await self._ask("Emulation.setDeviceMetricsOverride", **size, deviceScaleFactor=1, mobile=False)
        await self._ask("Page.navigate", url=url)
        quiet, deadline = 0, time.monotonic() + _DRAWN_WITHIN_S
        seen = {"panels": 0, "waiting": 0}
        while quiet < _QUIET_LOOKS and time.monotonic() < deadline:
            await asyncio.sleep(_LOOK_EVERY_S)
            answer = await self._ask("Runtime.evaluate", expression=_PANELS)
            seen = json.loads(answer.get("result", {}).get("value") or "{}") or seen
            quiet = quiet + 1 if seen["panels"] and not seen["waiting"] else 0
        if not seen["panels"]:
            raise SourceError(f"{url} showed no panel within {_DRAWN_WITHIN_S:g} s")
        taken = await self._ask("Page.captureScreenshot", format="png")
        return base64.b64decode(taken["data"])

    async def _ask(self, method: str, **params: Any) -> dict[str, Any]:
        self._asked += 1
        session = {"sessionId": self._session} if self._session else {}
        await self._socket.send_json({"id": self._asked, "method": method, "params": params, **session})
        while True:
            message = await self._socket.receive_json(timeout=_DRAWN_WITHIN_S)
            if message.get("id") == self._asked:
                if "error" in message:
                    raise SourceError(f"the browser refuses {method}: {message['error'].get('message')}")
                result: dict[str, Any] = message.get("result", {})
                return result


@contextlib.asynccontextmanager
async def _chromium() -> AsyncIterator[_Page]:
    """A browser with its own profile, ended with the block."""
    program = browser() or _BROWSERS[0]
    with tempfile.TemporaryDirectory(prefix="grafana-check-", ignore_cleanup_errors=True) as profile:
        flags = ["--headless=new", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-port=0"]
        flags += [f"--user-data-dir={profile}", *(["--no-sandbox"] if os.geteuid() == 0 else [])]  # root has none
        quiet = asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(program, *flags, stdin=quiet, stdout=quiet, stderr=quiet)
        try:
            url = await _listening(Path(profile) / "DevToolsActivePort", process, program)
            async with (
                aiohttp.ClientSession(trust_env=False) as session,
                session.ws_connect(url, max_msg_size=_MAX_ANSWER_BYTES) as socket,
            ):
                page = _Page(socket)
                await page.open()
                yield page
        except (aiohttp.ClientError, TimeoutError, TypeError) as exc:  # TypeError: it closed instead of answering
            raise SourceError(f"{program} stopped answering: {exc or type(exc).__name__}") from exc
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


async def _listening(port_file: Path, process: asyncio.subprocess.Process, program: str) -> str:
    """Where the browser takes its orders, which it writes to its profile once it does."""
    deadline = time.monotonic() + _STARTED_WITHIN_S
    while time.monotonic() < deadline and process.returncode is None:
        if where := _written(port_file):
            return where
        await asyncio.sleep(0.05)
    ended = "" if process.returncode is None else f": exit code {process.returncode}"
    raise SourceError(f"{program} did not start within {_STARTED_WITHIN_S:g} s{ended}")


def _written(port_file: Path) -> str:
    """The address out of the two lines that the browser writes: a port and a path; empty before it has."""
    lines = port_file.read_text().split() if port_file.exists() else []
    return f"ws://127.0.0.1:{lines[0]}{lines[1]}" if len(lines) == 2 else ""
