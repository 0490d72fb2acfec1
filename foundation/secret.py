"""Secrets: read from private files, and kept out of logs."""

import logging
import re
import stat
from pathlib import Path

from foundation.errors import ConfigError, InputError, in_words
from foundation.regular import read_start

log = logging.getLogger(__name__)

MAX_SECRET_BYTES = 4096
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
# Up to the last @ before the path. A colon that no port follows begins a password, whose / and # were not encoded.
_USERINFO = re.compile(r"(//|^(?!@[^@]*$))(?:[^/?#]*|[^/?#:@[]*:(?!\d*(?:[/?#]|$)).*)@", re.DOTALL)
_PARAMETER = re.compile(
    r"([?&;][^=&;#\s]*(?:token|secret|passw|pwd|api-?_?key|auth|signature|credential)[^=&;#\s]*=)[^&;#\s'\"]+",
    re.IGNORECASE,
)
_warned: set[tuple[Path, int]] = set()


def read_secret(path: Path, *, pipes: bool = False) -> str:
    """The one line of text in a file, such as a token. Raises ConfigError.

    Others who may read the file are warned of, as ssh does for keys; in containers secrets are often mounted so.
    `pipes`: the file may be one, for nobody waits for this process.
    """
    try:
        content = read_start(path, MAX_SECRET_BYTES + 1, pipes=pipes)
        text = content.decode("ascii").strip()
    except OSError as exc:
        raise InputError(f"{path}: {in_words(exc)}") from exc
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{path}: expected one line of ASCII text") from exc
    if not text or not text.isprintable() or len(content) > MAX_SECRET_BYTES:
        raise ConfigError(f"{path}: expected one line of at most {MAX_SECRET_BYTES} characters of ASCII text")
    warn_if_others_read(path)
    return text


def warn_if_others_read(path: Path) -> None:
    """Log it, once, when others than the owner may read, write or replace the content of a file that holds secrets."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:  # its reader reports it
        return
    if mode & _OTHERS and (path, mode) not in _warned:
        _warned.add((path, mode))
        log.warning("%s holds secrets, and others may read it (mode %03o): chmod 600 %s", path, mode, path)


def shown_url(url: str) -> str:
    """A URL, or a text with one in it, as it may be logged and shown.

    That is without the user and password that it may contain, even where it is malformed, and without the values of
    parameters whose names say that they are secret.
    """
    return _PARAMETER.sub(r"\1...", _USERINFO.sub(r"\1", url))
