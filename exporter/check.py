"""The checks of `exporter check` beyond the configuration's syntax: what the daemon would find at its start.

Nothing is followed, written or listened to.
"""

import logging
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.daemon import Daemon, Options, doors, load
from exporter.systems import Config
from foundation.errors import ConfigError, SourceError
from foundation.secret import read_secret
from foundation.web import WebPolicy

if TYPE_CHECKING:
    from exporter.accesslog.tryout import Finding

log = logging.getLogger(__name__)


def check_files(options: Options) -> Config:
    """Read the configuration and the files that it and the flags name.

    Raises:
        ConfigError: with a line for each problem.
    """
    config = load(options.config_file)
    file = f"{options.config_file}: "
    problems = [*_tried_access_logs(file, config), *_tried_logs(file, config)]
    for where, read in _named_files(config, options):
        problems += _complaint(where, read)
    if problems := problems or _complaint(file, lambda: Daemon(options)):
        raise ConfigError(*problems)
    if options.config_file:
        for doubt in _doubts(config):
            log.warning("%s%s", file, doubt)
    return config


def _doubts(config: Config) -> Iterator[str]:
    """What is valid and yet hardly wanted: nothing to measure, a state that this user could not write.

    The default state_dir is not tried, as it depends on the user who starts the exporter.
    """
    if config.probe is None and not any(sources for _, sources in doors(config).values()):
        yield "has no source, such as accesslog: nothing would be measured"
    if config.state_dir:
        there = next(folder for folder in (config.state, *config.state.parents) if os.path.exists(folder))  # noqa: PTH110, which is False where it may not look
        if not there.is_dir():
            yield f"$.state_dir: {there} is not a directory"
        elif not os.access(there, os.W_OK | os.X_OK):
            yield f"$.state_dir: this user cannot write to {there}; the exporter's user must be able to"


def _named_files(config: Config, options: Options) -> Iterator[tuple[str, Callable[[], object]]]:
    """Where each file is named, and the function that reads it like the daemon."""
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
            from exporter.releases.shares import read_shares  # noqa: PLC0415, of a system that may not be configured

            yield (
                f"{options.config_file}: $.releases[{number}].exposure_file: ",
                partial(read_shares, stream.exposure_file),
            )


def _tried_access_logs(file: str, config: Config) -> Iterator[str]:
    """The faults of access logs: their tests, and the existing logs; all else is a warning."""
    if not config.accesslog:
        return
    from exporter.accesslog import check_source  # noqa: PLC0415, of a system that may not be configured
    from exporter.accesslog.tryout import try_source  # noqa: PLC0415

    for source in config.accesslog:
        yield from (f"{file}{problem}" for problem in check_source(source))
    for source in config.accesslog:
        yield from _wrong(f"{file}$.accesslog: source {source.source}: ", try_source(source))


def _tried_logs(file: str, config: Config) -> Iterator[str]:
    """The same for other logs."""
    if not config.logs:
        return
    from exporter.logs.selftest import check_source  # noqa: PLC0415, of a system that may not be configured
    from exporter.logs.tryout import try_source  # noqa: PLC0415

    for source in config.logs:
        yield from (f"{file}{problem}" for problem in check_source(source))
    for source in config.logs:
        yield from _wrong(f"{file}$.logs: source {source.source}: ", try_source(source))


def _wrong(where: str, findings: "Iterator[Finding]") -> Iterator[str]:
    """The findings that fail the check; the others are logged."""
    for finding in findings:
        if finding.is_wrong:
            yield f"{where}{finding.text}"
        else:
            log.warning("%s%s", where, finding.text)


def _complaint(where: str, read: Callable[[], object]) -> list[str]:
    try:
        read()
    except (ConfigError, SourceError) as exc:
        return [f"{where}{exc}"]
    return []
