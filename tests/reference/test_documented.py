"""docs/reference/ has what the code says, and editors that use its schemas take what the programs take."""

import json
import re
from pathlib import Path
from typing import Annotated, Literal

import click
import jsonschema
import msgspec
import pytest
from click.testing import CliRunner
from msgspec import inspect

from alerts.rulefiles import every_alert
from exporter.cli import cli
from exporter.systems import config_of
from foundation import keys
from foundation.config import parse_config
from foundation.schema import structs_in
from foundation.yamltree import read_tree
from reference.commands import page as commands_page
from reference.configuration import HERE, File, examples_in, owner, page, plain
from reference.pages import FILES, FOLDER, PAGES

ROOT = Path(__file__).resolve().parents[2]
SCENARIOS = sorted((ROOT / "trafficgen/scenario/builtin").glob("*.yml"))
TARGETS = """
targets: [GET /, {path: /cart, weight: 5, expect: [200, 3xx]}]
sessions: [{steps: [/login, {path: /, think: 2s}]}]
"""
SLO = (ROOT / "alerts/slo.yml").read_text()


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_what_the_code_says(name):
    """Not in slow.txt, so that `make unit` finds a page that was not renewed."""
    renew = "run `make reference`, or PYTHONPATH=packaging python -m reference, and look at what changed"
    assert (FOLDER / name).read_text("utf-8") == PAGES[name](), renew


def test_the_published_schema_is_what_the_command_prints():
    assert CliRunner().invoke(cli, ["schema"]).stdout == (FOLDER / "exporter.schema.json").read_text("utf-8")


def is_valid(schema, text):
    return jsonschema.Draft202012Validator(json.loads(PAGES[schema]())).is_valid(plain(read_tree(text)))


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ("slo.schema.json", SLO),
        ("slo.schema.json", (ROOT / "examples/slo/slo.yml").read_text()),
        ("scenario.schema.json", (ROOT / "examples/load-test/scenario.yml").read_text()),
        ("targets.schema.json", (ROOT / "examples/load-test/targets.yml").read_text()),
        *(("scenario.schema.json", path.read_text()) for path in SCENARIOS),
        ("targets.schema.json", TARGETS),
    ],
    ids=["slo", "own slo", "own scenario", "own targets", *(path.stem for path in SCENARIOS), "targets"],
)
def test_the_schema_takes_the_repositorys_files(schema, text):
    assert is_valid(schema, text)


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ("slo.schema.json", SLO.replace("objective: 99.9", "objective: 100")),
        ("slo.schema.json", SLO.replace("window: 30d", "window: a month")),
        ("slo.schema.json", SLO.replace("indicator:", "indicators:")),
        ("slo.schema.json", SLO.replace("site-availability", "Site")),
        ("scenario.schema.json", "{phases: [{rate: 1, duration: long}]}"),
        ("scenario.schema.json", "{phases: [{rate: 1, jitter: 2}]}"),
        ("scenario.schema.json", "{phase: []}"),
        ("targets.schema.json", "{targets: [{weight: 1}]}"),
        ("targets.schema.json", "{sessions: [{steps: []}]}"),
    ],
)
def test_the_schema_refuses_what_the_program_refuses(schema, text):
    assert not is_valid(schema, text)


@pytest.mark.parametrize("file", FILES, ids=[file.title for file in FILES])
def test_every_key_has_an_example_that_the_program_takes(file):
    text = (HERE / file.examples).read_text("utf-8")
    parse_config(text, config_of if file.title == "exporter.yml" else file.kind, name=file.examples)
    kind = inspect.type_info(file.kind)
    found = examples_in(read_tree(text), kind)
    wanted = {(owner(one.cls, field.name), field.name) for one in structs_in(kind) for field in one.fields}
    assert {(struct.__name__, key) for struct, key in wanted - set(found)} == set()


class Inner(msgspec.Struct):
    """What is inside. Raises ValueError for 2.

    size: how large | how wide.
    """

    size: Annotated[int, keys.size(most_bytes=1 << 20)] = 2048


class Outer(msgspec.Struct):
    """The file.

    wait_s: how long.
    inner: what is inside.
    mode: how.
    """

    wait_s: Annotated[float, keys.duration()]
    inner: list[Inner] = []
    mode: Literal["a", "b"] = "a"


def test_a_key_is_a_row_and_a_struct_a_section(tmp_path):
    examples = tmp_path / "every.yml"
    examples.write_text("{wait_s: 1m30s, inner: [{size: 1KiB}], mode: b}")
    assert (
        page([File("f.yml", Outer, str(examples))]).partition("## f.yml\n")[2]
        == """
The file.

| key | type | default | meaning | example |
|---|---|---|---|---|
| `wait_s` | duration, seconds | required | How long. | `1m30s` |
| `inner` | list of: mapping |  | What is inside. | [below](#fyml-inner) |
| `mode` | `a`, `b` | `a` | How. | `b` |

### f.yml: `inner[]`

What is inside.

| key | type | default | meaning | example |
|---|---|---|---|---|
| `size` | size, bytes | `2KiB` | How large \\| how wide. | `1KiB` |
"""
    )


@click.command(epilog="\b\nPaths:\n  /a  one")
@click.argument("file")
@click.option("--level", type=click.Choice(["a", "b"]), default="b", show_default=True, help="How *much*.")
@click.option("--many", type=click.IntRange(1), required=True, help="How many, as [x].")
def command(file, level, many):
    """Do it. To be sure."""


def test_a_command_that_was_documented_still_takes_h():
    """click keeps the names of a command's help that it is first asked for."""

    @click.command(context_settings={"help_option_names": ["-h", "--help"]})
    def fresh():
        """Do it."""

    commands_page({"tool": fresh})
    assert CliRunner().invoke(fresh, ["-h"]).exit_code == 0


def test_a_command_has_its_usage_options_defaults_and_epilog():
    text = commands_page({"tool": command})
    assert "| [`tool`](#tool) | Do it |\n" in text
    assert (
        text.partition("## tool\n")[2]
        == """
```text
tool [OPTIONS] FILE
```

Do it. To be sure.

| option | default | meaning |
|---|---|---|
| `--level [a\\|b]` | `b` | How \\*much\\*. |
| `--many NUMBER` | required | How many, as \\[x\\]. (x\\>=1) |

```text
Paths:
  /a  one
```
"""
    )


def test_an_alert_is_a_row_with_a_link_to_its_runbook():
    pages, runbooks = PAGES["alerts.md"](), (FOLDER.parent / "alerts.md").read_text("utf-8")
    want = "| [LogUnreadable](../alerts.md#logunreadable) | page | 30s | {source}: a log of `logs:` can't be read |\n"
    assert want in pages
    linked = re.findall(r"\(\.\./alerts\.md#(\w+)\)", pages)
    assert set(linked) == {rule.alert.lower() for rule in every_alert()}
    assert {name for name in linked if f"\n### {name}\n" not in runbooks.lower()} == set()
