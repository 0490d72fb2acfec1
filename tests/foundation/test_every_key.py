"""Each key of each file that users write, given each wrong type: one line, in words, at the line of the key."""

import re

import pytest
from msgspec import inspect

from alerts.slo.model import ServiceLevels
from exporter.systems import SYSTEMS, config_of
from foundation.config import parse_config
from foundation.errors import ConfigError
from foundation.exits import Exit
from foundation.web.file import WebConfig
from trafficgen.scenario.scenario import ScenarioText
from trafficgen.targets.yaml_form import FileText

FILES = {
    "exporter.yml": config_of({*SYSTEMS, "probe", "remote_write", "otlp"}),
    "web.yml": WebConfig,
    "slo.yml": ServiceLevels,
    "scenario.yml": ScenarioText,
    "targets.yml": FileText,
}
VALUES = {"text": "zz zz", "number": "5", "list": "[1]", "mapping": "{a: 1}", "empty": "", "bool": "true"}
LEFT_TO_MSGSPEC = re.compile(r"\b(str|int|float|NoneType|None|array|dict|tuple)\b|Object ")


def keys(kind, lines=(), path="$", depth=0):
    """Each key and list item below a kind: (path, the lines above it and its own up to the value, its kind)."""
    indent = "  " * depth
    if isinstance(kind, inspect.Metadata):
        yield from keys(kind.type, lines, path, depth)
    elif isinstance(kind, inspect.UnionType):
        for one in kind.types:
            yield from keys(one, lines, path, depth)
    elif depth > 12:  # a kind that holds its own
        return
    elif isinstance(kind, inspect.StructType):
        for field in kind.fields:
            here, line = f"{path}.{field.encode_name}", f"{indent}{field.encode_name}:"
            yield here, (*lines, line), field.type
            yield from keys(field.type, (*lines, line), here, depth + 1)
    elif isinstance(kind, inspect.ListType | inspect.VarTupleType):
        yield f"{path}[0]", (*lines, f"{indent}-"), kind.item_type
        yield from keys(kind.item_type, (*lines, f"{indent}-"), f"{path}[0]", depth + 1)
    elif isinstance(kind, inspect.DictType):
        yield f"{path}.any", (*lines, f"{indent}any:"), kind.value_type
        yield from keys(kind.value_type, (*lines, f"{indent}any:"), f"{path}.any", depth + 1)


def takes(kind):
    """The names of VALUES whose type a kind may hold, whatever else it asks of them."""
    if isinstance(kind, inspect.Metadata):
        return {"text", "number", "bool"} if "read" in (kind.extra or {}) else takes(kind.type)
    if isinstance(kind, inspect.UnionType):
        return set().union(*map(takes, kind.types))
    if isinstance(kind, inspect.LiteralType):
        return {"text" if isinstance(value, str) else "number" for value in kind.values}
    return {
        inspect.StrType: {"text"},
        inspect.IntType: {"number"},
        inspect.FloatType: {"number"},
        inspect.BoolType: {"bool"},
        inspect.NoneType: {"empty"},
        inspect.StructType: {"mapping"},
        inspect.DictType: {"mapping"},
        inspect.ListType: {"list"},
        inspect.VarTupleType: {"list"},
    }[type(kind)]


CASES = {
    f"{name}:{path}": (name, lines, kind)
    for name, root in FILES.items()
    for path, lines, kind in keys(inspect.type_info(root))
}


def test_the_walk_finds_keys_of_every_depth():
    assert "exporter.yml:$.accesslog[0].paths[0]" in CASES
    assert "web.yml:$.tls_server_config.cert_file" in CASES
    assert len(CASES) > 200


@pytest.mark.parametrize("case", CASES)
def test_a_value_of_another_type_is_one_line_at_its_key(case):
    name, lines, kind = CASES[case]
    path = case.partition(":")[2]
    for word, value in VALUES.items():
        text = "\n".join((*lines[:-1], f"{lines[-1]} {value}"))
        said = ""
        try:
            parse_config(text, FILES[name], name=name)
        except ConfigError as exc:
            said, code = str(exc), exc.exit_code
        if word not in takes(kind):
            assert code == Exit.USAGE
            assert said.startswith(f"{name}:{len(lines)}: {path}: "), (text, said)
            assert "expected" in said, (text, said)
        assert "\n" not in said
        assert not LEFT_TO_MSGSPEC.search(said.partition(": $")[2].partition("known here")[0]), (text, said)
