"""A headless Chromium that a test drives through its own debugging protocol: go, look, click, type, take a picture."""

import asyncio
import base64
import contextlib
import json
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
TIMEOUT_S = 60  # a busy machine is slow
KEYS = {"Escape": 27, "Enter": 13, "Tab": 9, "Space": 32}


class Page:
    """One page of the browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """`socket` is the page's own debugging socket."""
        self._socket = socket
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self.said: list[str] = []  # what the console said, and what no handler caught

    async def listen(self) -> None:
        """Take in answers and events until the socket closes."""
        async for message in self._socket:
            told = json.loads(message.data)
            if told.get("id") in self._answers:
                self._answers.pop(told["id"]).set_result(told)
            elif told.get("method") == "Runtime.consoleAPICalled":
                self.said.append(" ".join(str(one.get("value", "")) for one in told["params"]["args"]))
            elif told.get("method") == "Runtime.exceptionThrown":
                details = told["params"]["exceptionDetails"]
                self.said.append(details.get("exception", {}).get("description") or details["text"])

    async def send(self, method: str, **parameters: Any) -> Any:
        """The result of one command."""
        number = len(self._answers) + 1 + max(self._answers, default=0)
        self._answers[number] = asyncio.get_running_loop().create_future()
        waiting = self._answers[number]
        await self._socket.send_str(json.dumps({"id": number, "method": method, "params": parameters}))
        answer = await asyncio.wait_for(waiting, TIMEOUT_S)
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    async def run(self, script: str) -> Any:
        """The value of a JavaScript expression; a promise is awaited."""
        got = await self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in got, got["exceptionDetails"].get("exception", got["exceptionDetails"])
        return got["result"].get("value")

    async def until(self, condition: str) -> Any:
        """The value of a JavaScript expression once it is true; a page that goes away meanwhile is waited for."""
        look = f"(() => {{ try {{ return {condition} }} catch {{ return null }} }})()"
        for _ in range(TIMEOUT_S * 20):
            with contextlib.suppress(AssertionError):
                if found := await self.run(look):
                    return found
            await asyncio.sleep(0.05)
        raise AssertionError(f"never true: {condition}; the page shows: {await self.run('document.body.innerText')}")

    async def go(self, url: str) -> None:
        """Open `url` and wait until the page has drawn everything."""
        await self.run("window.before = true")
        await self.send("Page.navigate", url=url)
        await self.until("!window.before && document.documentElement.dataset.drawn")

    async def drawn(self) -> None:
        """Wait until everything is drawn."""
        await self.until("document.documentElement.dataset.drawn")

    async def size(self, width: int, height: int) -> None:
        """The window's inside, in CSS pixels."""
        await self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )

    async def key(self, name: str, *, shift: bool = False) -> None:
        """Press and release a key."""
        code = {"windowsVirtualKeyCode": KEYS.get(name, 0), "key": " " if name == "Space" else name, "code": name}
        text = {"text": {"Enter": "\r", "Space": " "}[name]} if name in {"Enter", "Space"} else {}
        held = {"modifiers": 8} if shift else {}
        await self.send("Input.dispatchKeyEvent", type="keyDown", **code, **text, **held)
        await self.send("Input.dispatchKeyEvent", type="keyUp", **code, **held)

    async def mouse(self, kind: str, x: float, y: float, clicks: int = 1) -> None:
        """One event of the mouse: mouseMoved, mousePressed or mouseReleased."""
        button = {} if kind == "mouseMoved" else {"button": "left", "clickCount": clicks}
        held = {"buttons": 1} if kind != "mouseReleased" else {}
        await self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **button, **held)

    async def place(self, selector: str) -> dict[str, float]:
        """Where an element stands in the window, once it is scrolled into it: x, y, width, height."""
        find = f"document.querySelector({json.dumps(selector)})"
        await self.run(f"{find}.scrollIntoView({{block: 'center'}})")
        found: dict[str, float] = await self.run(f"{find}.getBoundingClientRect().toJSON()")
        return found

    async def picture(self) -> bytes:
        """A PNG of the window."""
        got = await self.send("Page.captureScreenshot")
        return base64.b64decode(got["data"])


@contextlib.asynccontextmanager
async def browser(folder: Path, *flags: str) -> AsyncIterator[Page]:
    """A page of a new browser whose profile is in `folder`; the browser ends with the block."""
    assert CHROMIUM, "chromium is not on PATH"
    command = [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile"]
    command += ["--remote-debugging-port=0", "--no-first-run", "--hide-scrollbars", *flags, "about:blank"]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    assert process.stderr
    try:
        port = await _port(process.stderr)
        draining = asyncio.create_task(_drain(process.stderr))
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as response:
                url = next(one["webSocketDebuggerUrl"] for one in await response.json() if one["type"] == "page")
            async with session.ws_connect(url, max_msg_size=0) as socket:
                page = Page(socket)
                listening = asyncio.create_task(page.listen())
                await page.send("Page.enable")
                await page.send("Runtime.enable")
                yield page
                listening.cancel()
        draining.cancel()
    finally:
        process.terminate()
        await process.wait()


async def _port(stderr: asyncio.StreamReader) -> int:
    """The port that the browser says once it listens."""
    async for line in stderr:
        if match := re.search(rb"DevTools listening on ws://[^:]+:(\d+)/", line):
            return int(match[1])
    raise AssertionError("chromium ended before it listened")


async def _drain(stderr: asyncio.StreamReader) -> None:
    async for _ in stderr:
        pass
