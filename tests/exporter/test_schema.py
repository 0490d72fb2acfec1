"""`exporter schema`: editors take and refuse what `exporter check` does, as far as a schema can say it."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner

from exporter.cli import cli
from exporter.systems import Config, config_of, whole_config
from foundation.config import parse_config
from foundation.errors import ConfigError
from foundation.schema import meanings as meanings_of
from foundation.schema import schema_of, structs_in
from foundation.yamltree import Node, TreeError, read_tree

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = schema_of(whole_config(), "exporter")
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
FILES = ["exporter/demo.yml", "packaging/reference/every-key.yml"]
FILES += [
    str(path.relative_to(ROOT))
    for folder in ("examples", "packaging")
    for path in sorted((ROOT / folder).rglob("exporter.yml"))
]
"""Every configuration of the exporter in the repository."""
KEYS = frozenset(Config.__struct_fields__)
YAML_BLOCK = re.compile(r"^```ya?ml\n(.*?)^```", re.DOTALL | re.MULTILINE)


def plain(node: Node):
    """The tree as an editor has it."""
    if isinstance(node.value, dict):
        return {key: plain(child) for key, child in node.value.items()}
    return [plain(child) for child in node.value] if isinstance(node.value, list) else node.value


def taken(text):
    try:
        parse_config(text, config_of)
    except ConfigError as exc:
        return str(exc)
    return ""


def blocks():
    """The examples in the pages that are whole configurations of the exporter."""
    for page in sorted((ROOT / "docs").rglob("*.md")):
        for number, match in enumerate(YAML_BLOCK.finditer(page.read_text("utf-8"))):
            try:
                keys = read_tree(match[1]).value
            except TreeError:
                continue
            if isinstance(keys, dict) and keys.keys() <= KEYS and not taken(match[1]):
                yield pytest.param(match[1], id=f"{page.stem}-{number}")


@pytest.mark.parametrize("text", [pytest.param((ROOT / file).read_text(), id=file) for file in FILES] + list(blocks()))
def test_the_schema_takes_every_example(text):
    assert taken(text) == ""
    assert [error.message for error in VALIDATOR.iter_errors(plain(read_tree(text)))] == []


def test_the_pages_have_examples_of_every_system():
    texts = "".join(param.values[0] for param in blocks())
    assert {key for key in KEYS if not re.search(rf"^{key}:", texts, re.MULTILINE)} <= {"max_open_files"}


@pytest.mark.parametrize(
    "text",
    [
        "acceslog: []",
        "accesslog: {source: a}",
        "accesslog: [{paths: [/a]}]",
        "accesslog: [{source: a, paths: /a}]",
        "accesslog: [{source: a, paths: []}]",
        "accesslog: [{source: 'a b', paths: [/a]}]",
        "accesslog: [{source: a, path: [/a]}]",
        "accesslog: [{source: a, paths: [/a], from: middle}]",
        "accesslog: [{source: a, paths: [/a], from_: end}]",
        "accesslog: [{source: a, paths: [/a], codes: [1000]}]",
        "accesslog: [{source: a, paths: [/a], methods: [get]}]",
        "accesslog: [{source: a, paths: [/a], buckets: []}]",
        "accesslog: [{source: a, paths: [/a], limits: {routes: 0}}]",
        "accesslog: [{source: a, paths: [/a], labels: {host: {field: host, match: [a]}}}]",
        "accesslog: [{source: a, listen: {syslog: 'udp://127.0.0.1:514', message_bytes: 1TB x}}]",
        "logs: [{source: a, paths: [/a], metrics: []}]",
        "logs: [{source: a, paths: [/a], metrics: [{counter: a_total, unit: days}]}]",
        "stats: [{source: a, url: 'http://127.0.0.1/', timeout_s: 61}]",
        "stats: [{source: a, url: 'http://127.0.0.1/', timeout_s: soon}]",
        "stats: [{source: a}]",
        "probe: {targets: []}",
        "probe: {targets: [127.0.0.1]}",
        "hosting: [{source: a, logs: [/a], cycle: {start: 2026-11-01}}]",
        "hosting: [{source: a, logs: [/a], cycle: {start: soon, end: later}}]",
        "releases: [{source: a, http: 8095}]",
        "releases: [{source: a, http: ':8095'}]",
        "releases: [{source: a, http: '127.0.0.1:8095', limits: {max_builds: 1}}]",
        "stores: [{source: a, as_of: yesterday}]",
        "stores: [{source: a, refresh_s: 0}]",
        "stores: [{source: a, worst: 1001}]",
        "remote_write: [{url: 'http://127.0.0.1/', interval: 2h}, 3]",
        "remote_write: [{url: 'http://127.0.0.1/', interval: 7200}]",
        "otlp: [{endpoint: 'http://127.0.0.1/v1', tls_config: {min_version: TLS11}}]",
        "max_open_files: 0",
        "[]",
    ],
)
def test_what_the_exporter_refuses_the_schema_refuses(text):
    assert taken(text) != ""
    assert not VALIDATOR.is_valid(plain(read_tree(text)))


def test_every_key_of_the_configuration_says_what_it_means():
    from msgspec import inspect

    structs = [one.cls for one in structs_in(inspect.type_info(whole_config()))]
    assert len(structs) > 25
    assert [
        f"{one.__name__}.{key}" for one in structs for key in one.__struct_fields__ if key not in meanings_of(one)
    ] == []


def test_the_command_prints_the_schema():
    done = CliRunner().invoke(cli, ["schema"])
    assert (done.exit_code, done.stderr) == (0, "")
    printed = json.loads(done.stdout)
    jsonschema.Draft202012Validator.check_schema(printed)
    assert printed["properties"]["accesslog"]["items"] == {"$ref": "#/$defs/exporter.accesslog.source.Source"}
    assert printed["$defs"] == json.loads(json.dumps(SCHEMA["$defs"]))
