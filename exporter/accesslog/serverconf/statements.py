"""The logs in single statements of nginx, Apache, HAProxy, Squid and lighttpd.

Each function takes a statement's words, and gives the pattern of the files that it includes, or nothing.
"""

import re
from collections.abc import Callable, Iterator

from exporter.accesslog.formats.strings.pasted import Word, apache_format, nginx_format
from exporter.accesslog.formats.strings.settings import unescaped
from exporter.accesslog.formats.strings.squid import BUILTIN
from exporter.accesslog.serverconf.model import NamedLog, ServerConfig

Take = Callable[[list[Word], ServerConfig], str]

_NO_FILES = ("off", "syslog:", "memory:", "|")
_SQUIDS_FILE = re.compile(r"(?:(?:daemon|stdio):)?(/.*)")
_GLOBAL = "accesslog.format"
_LIGHTTPD = re.compile(r'^\s*(accesslog\.(?:format|filename)|include)\s*(?::?=)?\s*"((?:[^"\\]|\\.)*)"', re.MULTILINE)


def nginx(words: list[Word], config: ServerConfig) -> str:
    """`log_format`, `access_log`, `include`."""
    match words:
        case [Word("include"), pattern]:
            return pattern.text
        case [Word("log_format"), name, *_]:
            config.formats[name.text] = nginx_format(words)
        case [Word("access_log"), path, *rest] if not path.text.startswith(_NO_FILES):
            named = rest[0].text if rest and "=" not in rest[0].text else "combined"
            config.logs.append(NamedLog(path.text, named))
    return ""


def apache(words: list[Word], config: ServerConfig) -> str:
    """`LogFormat`, `CustomLog`, `GlobalLog`, `TransferLog`, `Include`."""
    match words[0].text.lower(), words[1:]:
        case (("include" | "includeoptional"), [pattern]):
            return pattern.text
        case "logformat", [_, *name] if text := apache_format(words):
            config.formats[name[0].text if name else "LogFormat"] = text
        case (("customlog" | "globallog"), [path, named, *_]) if not path.text.startswith(_NO_FILES):
            config.logs.append(NamedLog(path.text, named.text))
        case "transferlog", [path, *_] if not path.text.startswith(_NO_FILES):
            config.logs.append(NamedLog(path.text, "common"))
    return ""


def haproxy(words: list[Word], config: ServerConfig) -> str:
    """`log-format`, `option httplog`."""
    match [word.text for word in words]:
        case ["log-format", *text] if text:
            config.add(" ".join(text).replace("\\ ", " "))
        case ["option", "httplog", "clf"]:
            config.add("haproxy-clf")
        case ["option", "httplog" | "httpslog"]:
            config.add("haproxy")
    return ""


def squid_statements(text: str) -> Iterator[list[Word]]:
    """The directives of squid.conf, each as its words; a format is one word, unchanged."""
    for line in re.sub(r"\\\r?\n", "", text).splitlines():
        words = line.split(None, 2) if line.lstrip().startswith("logformat") else line.split()
        if words and not words[0].startswith("#"):
            yield [Word(word.rstrip()) for word in words]


def squid(words: list[Word], config: ServerConfig) -> str:
    """`logformat`, `access_log`, `include`. Formats that Squid has itself need no definition."""
    for name, text in BUILTIN.items():
        config.formats.setdefault(name, text)
    match [word.text for word in words]:
        case ["include", pattern, *_]:
            return pattern
        case ["logformat", name, text]:
            config.formats[name] = f"logformat {name} {text}"
        case ["access_log", place, *rest] if file := _SQUIDS_FILE.fullmatch(place):
            options = dict(word.split("=", 1) for word in rest if "=" in word)
            old = rest[0] if rest and "=" not in rest[0] and rest[0] in config.formats else "squid"
            config.logs.append(NamedLog(file[1], options.get("logformat", old)))
    return ""


def lighttpd_statements(text: str) -> Iterator[list[Word]]:
    """The settings that concern logs, and includes."""
    for match in _LIGHTTPD.finditer(text):
        yield [Word(match[1]), Word(unescaped(match[2]))]


def lighttpd(words: list[Word], config: ServerConfig) -> str:
    """`accesslog.format`, `accesslog.filename`, `include`."""
    match [word.text for word in words]:
        case ["include", pattern]:
            return pattern
        case ["accesslog.format", text] if config.formats.get(_GLOBAL, "lighttpd") == "lighttpd":
            config.formats[_GLOBAL] = text
        case ["accesslog.format", text]:  # of a part of the site
            config.add(text)
        case ["accesslog.filename", path] if not path.startswith(_NO_FILES):
            config.formats.setdefault(_GLOBAL, "lighttpd")  # what it writes if nothing else is set
            config.logs.append(NamedLog(path, _GLOBAL))
    return ""
