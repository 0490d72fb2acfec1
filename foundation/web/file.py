"""The web configuration file with the files that it names: read together, and seen again when one of them changes."""

import hashlib
import logging
import ssl
from pathlib import Path
from typing import NamedTuple

from foundation.config import MAX_CONFIG_BYTES, parse_config
from foundation.errors import ConfigError, InputError, in_words
from foundation.regular import read_start
from foundation.secret import warn_if_others_read
from foundation.web.config import TlsConfig, WebConfig
from foundation.web.tls import new_context

log = logging.getLogger(__name__)


class Rules(NamedTuple):
    """The content of a file, ready for use."""

    config: WebConfig
    context: ssl.SSLContext | None


class Reading(NamedTuple):
    """One reading of the files: the rules, or the fault; and each file's checksum at that moment."""

    seen: dict[Path, bytes]
    rules: Rules | None
    problem: ConfigError | None

    @property
    def changed(self) -> bool:
        """Whether a file has changed. Content is compared, so that no change is too quick to be seen."""
        return any(_look(path)[1] != before for path, before in self.seen.items())


def read_files(path: Path) -> Reading:
    """Read the web configuration at `path` and make its rules. A failure is in the answer."""
    seen: dict[Path, bytes] = {}
    try:
        text = _take(path, seen, "").decode("utf-8")
        config = parse_config(text, WebConfig, name=str(path))
        tls = config.tls_server_config
        context = _context(path, tls, seen) if tls else None
    except UnicodeDecodeError as exc:
        return Reading(seen, None, ConfigError(f"{path}: not UTF-8 text (byte {exc.start})"))
    except ConfigError as exc:
        return Reading(seen, None, exc)
    if config.basic_auth_users or (tls and tls.key):
        warn_if_others_read(path)
    if tls and tls.key_file:
        warn_if_others_read(path.parent / tls.key_file)
    return Reading(seen, Rules(config, context), None)


def _context(path: Path, tls: TlsConfig, seen: dict[Path, bytes]) -> ssl.SSLContext:
    where = f"{path}: $.tls_server_config."

    def content(name: str, text: str, file: str) -> bytes:
        """Bytes of the file that is named, or else of the text."""
        # relative names start at the folder of the web configuration, as exporter-toolkit has it
        return _take(path.parent / file, seen, f"{where}{name}_file: ") if file else text.encode()

    cert = content("cert", tls.cert, tls.cert_file)
    key = content("key", tls.key, tls.key_file)
    client_ca = content("client_ca", tls.client_ca, tls.client_ca_file)
    try:
        return new_context(tls, cert, key, client_ca)
    except ConfigError as exc:
        files = ", ".join(str(file) for file in list(seen)[1:])
        raise ConfigError(f"{where}{exc}{f' ({files})' if files else ''}") from exc


def _take(path: Path, seen: dict[Path, bytes], where: str) -> bytes:
    """A file's content, noting it in `seen`. Raises ConfigError that begins with `where`."""
    content, seen[path] = _look(path)
    if isinstance(content, OSError):
        raise (ConfigError if where else InputError)(f"{where}{path}: {in_words(content)}") from content
    if len(content) > MAX_CONFIG_BYTES:
        raise ConfigError(f"{where}{path}: larger than {MAX_CONFIG_BYTES >> 20} MiB")
    return content


def _look(path: Path) -> tuple[bytes | OSError, bytes]:
    """A file's content, or why it cannot be read; and what is another whenever that is."""
    try:
        content = read_start(path, MAX_CONFIG_BYTES + 1)
    except OSError as exc:
        return exc, str(exc.errno).encode()
    return content, hashlib.sha256(content).digest()
