"""The process of `python -m dashboards preview`: start, say where, stop at the first signal."""

import asyncio
import signal
from contextlib import AsyncExitStack
from pathlib import Path

from dashboards.model import load_files
from dashboards.preview.alerts import muted
from dashboards.preview.app import Preview, new_session
from dashboards.prometheus import Prometheus
from foundation.errors import ConfigError, SourceError
from foundation.listen import serve
from foundation.secret import without_userinfo
from foundation.terminal import echo
from foundation.web import Guard, WebPolicy

SHUTDOWN_S = 2.0


async def run(
    *,
    folder: Path,
    host: str,
    port: int,
    prometheus_url: str,
    alertmanager_url: str,
    scrape_interval_s: float | None,
    policy: WebPolicy,
) -> None:
    """Serve the page until SIGTERM or SIGINT; a second signal ends at once. Raises ConfigError."""
    for flag, url in (("--prometheus", prometheus_url), ("--alertmanager", alertmanager_url)):
        if url and not url.startswith(("http://", "https://")):
            raise ConfigError(f"{flag} {without_userinfo(url)}: expected a URL, for example http://127.0.0.1:9090")
    boards = load_files(folder)
    stop = _stop_event()
    async with new_session() as session:
        preview = Preview(
            boards,
            Prometheus(prometheus_url, session),
            scrape_interval_s=scrape_interval_s,
            silenced=(lambda: muted(alertmanager_url, session)) if alertmanager_url else None,
        )
        async with AsyncExitStack() as stack:
            policy.keep_fresh()
            stack.callback(policy.close)
            try:
                guard = Guard(policy, hosts=[host])
                bound = await serve(
                    preview.app(guard),
                    (host, port),
                    stack,
                    problem=guard.problem,
                    ssl_context=policy.ssl_context,
                    shutdown_s=SHUTDOWN_S,
                )
            except SourceError as exc:
                raise ConfigError(f"{exc}; --port chooses another") from exc
            of = without_userinfo(prometheus_url)
            echo(f"dashboards: preview on {'https' if policy.tls else 'http'}://{bound}/ of {of}", err=True)
            await stop.wait()


def _stop_event() -> asyncio.Event:
    """Set by the first SIGTERM or SIGINT, which then gets back its default meaning."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal(number: signal.Signals) -> None:
        stop.set()
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
    return stop
