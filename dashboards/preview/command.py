"""The process of `python -m dashboards preview`: start, say where, stop at the first signal."""

from contextlib import AsyncExitStack
from pathlib import Path

from dashboards.model import load_files
from dashboards.preview.alerts import muted
from dashboards.preview.app import Preview, new_session
from dashboards.prometheus import Prometheus
from foundation.errors import ConfigError, InputError, SourceError
from foundation.secret import shown_url
from foundation.signals import stop_on_signals
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
            raise ConfigError(f"{flag} {shown_url(url)}: expected a URL, for example http://127.0.0.1:9090")
    boards = load_files(folder)
    stop = stop_on_signals(_say)
    async with new_session() as session:
        preview = Preview(
            boards,
            Prometheus(prometheus_url, session),
            scrape_interval_s=scrape_interval_s,
            silenced=(lambda: muted(alertmanager_url, session)) if alertmanager_url else None,
        )
        async with AsyncExitStack() as stack:
            guard = Guard(stack.enter_context(policy), hosts=[host])
            try:
                bound = await guard.serve(preview.app(guard), (host, port), stack, shutdown_s=SHUTDOWN_S)
            except SourceError as exc:
                raise InputError(f"{exc}; --port chooses another") from exc
            _say(f"preview on {policy.scheme}://{bound}/ of {shown_url(prometheus_url)}")
            await stop.wait()


def _say(text: str) -> None:
    echo(f"dashboards: {text}", err=True)
