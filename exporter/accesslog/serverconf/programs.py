"""The logs in configurations of Tomcat, Envoy, Istio, gunicorn, varnishncsa, Caddy and Traffic Server."""

import ast
import re
from collections.abc import Iterator
from contextlib import suppress

import yaml

from exporter.accesslog.formats.strings.settings import envoy_formats, python_format, varnishncsa_format
from exporter.accesslog.serverconf.model import NamedLog, ServerConfig

_VALVE = re.compile(r"<Valve\b[^>]*\bAccessLogValve\b[^>]*>", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_ATTRIBUTE = re.compile(r"\b(\w+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")


def tomcat(text: str, config: ServerConfig) -> None:
    """The access log valves of a server.xml, with their folders and dates in the names of files."""
    for valve in _VALVE.findall(_COMMENT.sub("", text)):
        has = {match[1]: match[2] or match[3] or "" for match in _ATTRIBUTE.finditer(valve)}
        if "pattern" in has:
            name = f"{has.get('prefix', 'access_log')}$date{has.get('suffix', '')}"
            config.logs.append(NamedLog(name, valve))
            config.add(valve)


def envoy(text: str, config: ServerConfig) -> None:
    """The formats of Envoy's or Istio's configuration, in YAML or JSON; Envoy's own where a log has none."""
    with suppress(yaml.YAMLError, RecursionError):
        for document in yaml.safe_load_all(text):
            for format_ in envoy_formats(document):
                config.add(format_)
    config.add("envoy")


def python(text: str, config: ServerConfig) -> None:
    """`access_log_format` of a gunicorn.conf.py, or of hypercorn's."""
    with suppress(SyntaxError, ValueError, RecursionError):
        for statement in ast.parse(text).body:
            if format_ := python_format(statement):
                config.add(format_)
    config.add("gunicorn")


def varnishncsa(text: str, config: ServerConfig) -> None:
    """The `-F` of a service that runs varnishncsa."""
    for line in _joined(text):
        if format_ := varnishncsa_format(line):
            config.add(format_)
    config.add("varnish")


_CADDY = re.compile(r"format\s+(?:transform(?:\s+(?:`[^`]*`|\"(?:[^\"\\]|\\.)*\"))?|console|json)")


def caddy(text: str, config: ServerConfig) -> None:
    """The `format` of the logs in a Caddyfile; JSON where a log has none."""
    for found in _CADDY.findall(text):
        config.add(found if "transform" in found else "caddy")
    config.add("caddy")


_BUILT_IN = {
    "squid": "squid",
    "common": '%<chi> - %<caun> [%<cqtn>] "%<cqtx>" %<pssc> %<pscl>',
}
_BUILT_IN["extended"] = f"{_BUILT_IN['common']} " + " ".join(
    f"%<{name}>" for name in ("sssc", "sscl", "cqcl", "pqcl", "cqhl", "pshl", "pqhl", "sshl", "tts")
)
"""Formats that Traffic Server has without a definition."""


def traffic_server(text: str, config: ServerConfig) -> None:
    """The formats and logs of a logging.yaml."""
    config.formats.update(_BUILT_IN)
    with suppress(yaml.YAMLError, RecursionError):
        tree = yaml.safe_load(text)
        logging = tree.get("logging", tree) if isinstance(tree, dict) else {}
        for one in _dicts(logging, "formats"):
            if isinstance(format_ := one.get("format"), str):
                config.formats[str(one.get("name"))] = format_
        for one in _dicts(logging, "logs"):
            config.logs.append(NamedLog(f"{one.get('filename')}.log", str(one.get("format"))))


def _dicts(tree: object, key: str) -> Iterator[dict[str, object]]:
    found = tree.get(key) if isinstance(tree, dict) else None
    return (one for one in found if isinstance(one, dict)) if isinstance(found, list) else iter(())


def _joined(text: str) -> Iterator[str]:
    yield from re.sub(r"\\\r?\n", " ", text).splitlines()
