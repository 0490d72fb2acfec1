"""The default place of state: the same from whatever folder a program is started."""

import os
from collections.abc import Mapping
from pathlib import Path

from foundation.errors import ConfigError

_SYSTEM = Path("/var/lib/tidewatch")
IN_FOLDER = Path(".tidewatch/state")
"""In the working directory, as in earlier versions."""


def state_dir(given: str | None = None, environ: Mapping[str, str] = os.environ, *, root: bool | None = None) -> Path:
    """The folder: as `given`, else systemd's, root's own, or the user's by the XDG base directories.

    Raises ConfigError where there is none: a user without a home.
    """
    if given:
        return Path(given)
    if systemd := environ.get("STATE_DIRECTORY"):
        return Path(systemd.partition(":")[0])
    if IN_FOLDER.is_dir():  # what was counted from there would be counted again
        return IN_FOLDER
    if os.geteuid() == 0 if root is None else root:
        return _SYSTEM
    if (state := Path(environ.get("XDG_STATE_HOME", ""))).is_absolute():  # relative ones are to be ignored, it says
        return state / "tidewatch"
    try:
        return Path.home() / ".local/state/tidewatch"
    except RuntimeError as exc:
        raise ConfigError("this user has no home folder for the state; set state_dir, or $STATE_DIRECTORY") from exc
