"""What `exporter check` looks at beyond the configuration's syntax: what the daemon would find out at its start.

Nothing is followed, written or listened to.
"""

import logging
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from exporter.accesslog import check_source
from exporter.accesslog.tryout import try_source
from exporter.daemon import Config, Daemon, Options, load
from exporter.releases.shares import read_shares
from foundation.errors import ConfigError, SourceError
from foundation.secret import read_secret
from foundation.web import WebPolicy

log = logging.getLogger(__name__)


def check_files(options: Options) -> Config:
    """Read the configuration and the files that it and the flags name.

    Raises:
        ConfigError: with a line for each problem.
    """
    config = load(options.config_file)
    file = f"{options.config_file}: "
    problems = [f"{file}{problem}" for source in config.accesslog for problem in check_source(source)]
    problems += _tried(file, config)
    for where, read in _named_files(config, options):
        problems += _complaint(where, read)
    if problems := problems or _complaint(file, lambda: Daemon(options)):
        raise ConfigError(*problems)
    return config


def _named_files(config: Config, options: Options) -> Iterator[tuple[str, Callable[[], object]]]:
    """Where each file is named, and what reads it as the daemon would."""
    yield "", partial(WebPolicy, options.web_config_file, options.allowed_hosts)
    modules = config.probe.modules if config.probe else {}
    for key, path in (
        *((f"$.stores[{n}].web_config_file", source.web_config_file) for n, source in enumerate(config.stores)),
        *((f"$.releases[{n}].web_config_file", source.web_config_file) for n, source in enumerate(config.releases)),
    ):
        if path:
            yield f"{options.config_file}: {key}: ", partial(WebPolicy, Path(path))
    for key, path in (
        *((f"$.releases[{n}].token_file", source.token_file) for n, source in enumerate(config.releases)),
        *(
            (f"$.probe.modules.{name}.credentials", module.credentials.token_file or module.credentials.password_file)
            for name, module in modules.items()
            if module.credentials
        ),
    ):
        if path:
            yield f"{options.config_file}: {key}: ", partial(read_secret, Path(path))
    for number, stream in enumerate(config.releases):
        if stream.exposure_file:
            yield (
                f"{options.config_file}: $.releases[{number}].exposure_file: ",
                partial(read_shares, stream.exposure_file),
            )


def _tried(file: str, config: Config) -> Iterator[str]:
    """What is wrong with the access logs that are there; the rest of what they show is a warning."""
    for source in config.accesslog:
        for finding in try_source(source):
            text = f"{file}$.accesslog: source {source.source}: {finding.text}"
            if finding.is_wrong:
                yield text
            else:
                log.warning("%s", text)


def _complaint(where: str, read: Callable[[], object]) -> list[str]:
    try:
        read()
    except (ConfigError, SourceError) as exc:
        return [f"{where}{exc}"]
    return []
