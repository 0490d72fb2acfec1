"""Headers of the command line: `--header 'Name: value'` and `--header @FILE`, which keeps a secret out of arguments."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from foundation.config import read_text
from foundation.errors import ConfigError
from foundation.secret import read_secret, warn_if_others_read
from trafficgen.targets.template import SECRET, Secret

_EXPECTED = "expected 'Name: value'"


def read_headers(given: Iterable[str], environment: Mapping[str, str]) -> dict[str, str]:
    """The headers of all flags, secrets filled in. Raises ConfigError, which never has a value in it."""
    headers: dict[str, str] = {}
    for text in given:
        if text.startswith("@"):
            path = Path(text[1:])
            lines = read_text(path, "is this a file of headers?", pipes=True).split("\n")
            warn_if_others_read(path)
            for number, line in enumerate(lines, 1):
                if line.strip() and not line.startswith("#"):
                    _add(headers, line, environment, f"{path}:{number}", path.parent)
        else:
            _add(headers, text, environment, "--header", Path())
    return headers


def _add(headers: dict[str, str], line: str, environment: Mapping[str, str], where: str, folder: Path) -> None:
    name, colon, value = line.partition(":")
    if not colon:
        raise ConfigError(f"{where}: {_EXPECTED}, got text without a colon")
    try:
        headers[name.strip()] = filled(value.strip(), environment, folder)
    except ValueError as exc:
        raise ConfigError(f"{where}: {exc}") from exc


def filled(text: str, environment: Mapping[str, str], folder: Path) -> str:
    """A text with its secrets. Raises ValueError or ConfigError."""
    return SECRET.sub(lambda match: secret_text(Secret(match[1], match[2]), environment, folder), text)


def secret_text(secret: Secret, environment: Mapping[str, str], folder: Path) -> str:
    """The text itself. Raises ValueError or ConfigError."""
    if secret.kind == "file":
        return read_secret(folder / secret.name)
    if secret.name not in environment:
        raise ValueError(f"${{env:{secret.name}}}: this variable is not set in the environment")
    return environment[secret.name]
