"""`/probe?target=URL&module=NAME`: fetch one page now, and expose it in its own registry.

Prometheus says whom to ask (its service discovery, relabelled into `target`); the configuration says who may be asked
and how the answer is read. Each probe has a connection of its own, whose address is checked as it is made.
"""

import base64
import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import yarl
from aiohttp import web

from exporter.catalogue import Family, stats
from exporter.sources.http import fetch, made_of, new_session
from exporter.stats.memory import Memory
from exporter.stats.metrics import REASONS, Extraction, extract
from exporter.stats.modules import Credentials, Module, Probe
from exporter.stats.targets import Pattern, allowed, parse_target, reachable
from exporter.web.app import scrape_deadline_s
from exporter.web.exposition import OPENMETRICS, Renderer, negotiate
from foundation.clock import Clock
from foundation.errors import BadRecord, ConfigError, SourceError
from foundation.secret import read_secret, shown_url

log = logging.getLogger(__name__)

DEFAULT_MODULE = "stats"
"""The module meant where none is named; without an entry in the configuration it reads counts by status code."""
MAX_PROBES = 100  # at a time


class Prober:
    """Answers /probe."""

    def __init__(self, config: Callable[[], Probe | None], clock: Clock) -> None:
        """`config` gives the configuration as it is now: a reload changes it."""
        self._config = config
        self._clock = clock
        self._memory = Memory()
        self._running = 0

    async def handle(self, request: web.Request) -> web.Response:
        """The aiohttp handler."""
        config = self._config()
        if config is None:
            return _refuse(404, "the configuration has no `probe`")
        name = request.query.get("module", DEFAULT_MODULE)
        module = config.modules.get(name) or (Module() if name == DEFAULT_MODULE else None)
        if module is None:
            return _refuse(400, f"unknown module {name!r}; known are {', '.join([DEFAULT_MODULE, *config.modules])}")
        try:
            url = parse_target(request.query.get("target", ""))
        except ValueError as exc:
            return _refuse(400, f"target: {exc}")
        if not allowed(url, config.targets):
            return _refuse(403, f"target {shown_url(str(url))} matches none of `probe.targets` in the configuration")
        if self._running >= MAX_PROBES:
            return _refuse(503, f"more than {MAX_PROBES} probes at a time")
        self._running += 1
        try:
            return await self._answer(request, url, name, module, config.targets)
        finally:
            self._running -= 1

    async def _answer(
        self, request: web.Request, url: yarl.URL, name: str, module: Module, targets: list[Pattern]
    ) -> web.Response:
        families, trouble = await self._probe(url, name, module, targets, deadline_s=scrape_deadline_s(request))
        if request.query.get("debug") == "true":
            return web.Response(text=_debug(url, name, families, trouble))
        kind = negotiate(request.headers.get("Accept", ""))
        openmetrics = kind == OPENMETRICS
        text = "".join(Renderer().render(families, openmetrics=openmetrics)) + ("# EOF\n" if openmetrics else "")
        return web.Response(body=text.encode("utf-8", "replace"), headers={"Content-Type": kind})

    async def _probe(
        self, url: yarl.URL, name: str, module: Module, targets: list[Pattern], *, deadline_s: float
    ) -> tuple[list[Family], str | None]:
        """Fetch the page; returns its metrics, and the fault in words."""
        begin_s = self._clock.monotonic()
        size: int | None = None
        found, trouble = Extraction([], Counter()), None
        try:
            async with new_session(lambda address: reachable(url, address, targets)) as session:
                page = await fetch(
                    session,
                    url,
                    timeout_s=min(module.timeout_s, deadline_s),
                    max_bytes=module.max_bytes,
                    headers=_headers(url, module.credentials),
                )
            size = len(page.body)
            found = await made_of(page.body, lambda body: extract(body, module, name))
        except (SourceError, BadRecord, ConfigError) as exc:  # the last: of the file of a secret
            trouble = str(exc)
            log.debug("probe of %s with %s: %s", shown_url(str(url)), name, exc)
        except Exception as exc:
            trouble = f"unexpected error: {type(exc).__name__}"
            log.exception("probe of %s with %s failed", shown_url(str(url)), name)
        took_s = self._clock.monotonic() - begin_s
        own = [stats.UP.family({(name,): int(trouble is None)}), stats.FETCH_DURATION.family({(name,): took_s})]
        if size is not None:
            own.append(stats.PAGE_BYTES.family({(name,): size}))
        if trouble is None:
            own += self._told_of_fields(str(url), name, module, found)
        return own + found.families, trouble

    def _told_of_fields(self, url: str, name: str, module: Module, found: Extraction) -> list[Family]:
        resets = self._memory.resets(url, name, found.families)
        metrics = list(dict.fromkeys(field.metric for field in module.metrics))
        failures = {(name, metric, reason): found.failures[metric, reason] for metric in metrics for reason in REASONS}
        return [
            *([stats.FIELD_FAILURES.family(failures)] if metrics else []),
            stats.RESETS.family({(name, metric): count for metric, count in resets.items()}),
        ]


def _headers(url: yarl.URL, credentials: Credentials | None) -> dict[str, str]:
    """What is shown to this address: credentials to those that are listed for them only. Raises ConfigError.

    A file is read anew for each probe, so that it can be changed.
    """
    if credentials is None or not allowed(url, credentials.targets):
        return {}
    if credentials.token_file is not None:
        return {"Authorization": f"Bearer {read_secret(Path(credentials.token_file))}"}
    pair = f"{credentials.username}:{read_secret(Path(credentials.password_file or ''))}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _refuse(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=f"{text}\n")


def _debug(url: yarl.URL, name: str, families: list[Family], trouble: str | None) -> str:
    text = "".join(Renderer().render(families, openmetrics=False))
    return f"target: {shown_url(str(url))}\nmodule: {name}\n{f'failed: {trouble}' if trouble else 'read'}\n\n{text}"
