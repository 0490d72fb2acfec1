"""In lines that name their own fields any name is one: that no line has it is told."""

import pytest
from click.testing import CliRunner

from exporter.accesslog import source as accesslog
from exporter.accesslog.tryout import try_source
from exporter.cli import cli
from exporter.logs import source as logs
from exporter.logs.tryout import try_source as try_logs

JSON = '{"method":"GET","path":"/a","status":200,"user":{"agent":"curl"},"empty":""}\n'
LOGFMT = 'method=GET path=/a status=200 agent=curl empty=""\n'


@pytest.fixture
def log(tmp_path):
    def write(line):
        (tmp_path / "a.log").write_text(line * 3)
        return (str(tmp_path / "a.log"),)

    return write


def told(findings):
    return [one.text.partition(": ")[2] for one in findings if not one.is_wrong]


@pytest.mark.parametrize(("format_", "line", "there"), [("json", JSON, "user.agent"), ("logfmt", LOGFMT, "agent")])
def test_check_tells_of_labels_and_rules(log, format_, line, there):
    source = accesslog.Source(
        source="s",
        paths=log(line),
        format=format_,
        labels={"a": f"{{{there}}}", "b": "{agnt}", "c": accesslog.Label("empty", values=("x",))},
        ignore=({"pth": "/healthz"}, {there: "bot", "path": "/healthz"}),
    )
    assert told(try_source(source)) == [
        f"none of the first 3 lines has the field {field}" for field in ("agnt", "empty", "pth")
    ]


def test_check_tells_of_labels_of_ones_own_metrics(log):
    rule = logs.Rule(counter="a_total", labels={"a": "{user.agent}", "b": "{agnt}", "c": "fixed"})
    findings = told(try_logs(logs.Source(source="s", paths=log(JSON), format="json", metrics=(rule,))))
    assert findings == ["a_total: label b has no value in the first 3 lines; expected a field that they have, not agnt"]


def test_a_summary_tells_too(log):
    found = CliRunner().invoke(cli, ["summary", "--by", "user.agent,agnt", "--format", "json", *log(JSON)])
    assert found.stderr == "exporter: --by: no line has the field agnt\n"
    assert found.stdout.splitlines()[1].split() == ["3", "0", "curl", "-"]
