"""What people read: mails, chat messages and incidents, as Alertmanager's own amtool renders the templates.

The files in golden/ are `text_of` and `mail_of` of the data beside them. In hostile.json the texts try everything.
"""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from markup import Markup

from alerts.rulefiles import HERE
from foundation.terminal import printable_text

GOLDEN = Path(__file__).parent / "golden"
TEXTS = (
    "subject",
    "text",
    "slack.title",
    "slack.color",
    "slack.text",
    "teams.title",
    "teams.text",
    "pagerduty.summary",
    "pagerduty.severity",
    "pagerduty.runbook",
    "pagerduty.dashboard",
)
DATA = ("firing", "resolved", "many", "hostile")
NASTY = (
    "</td></table><script>alert(1)</script>",
    "*|<http://evil.example|x>",
    "<!channel> <@U123> <!here>",
    "[x](http://evil.example)",
    "![x](http://evil.example/p.png)",
    "_*~`b`~*_",
    "line\r\nBcc: all@example.com\n\n# heading",
    "\u202egnp.exe\u2066\u200f\u061c",
    "\x1b]0;title\x07\x1b[2J\x00\x7f\x9b",
    "next\u2028line\u2029end",
    '" onmouseover="alert(1)',
    "' onclick='alert(1)",
    "&lt;b&gt; &amp;amp; &#60;",
    '{{ .ExternalURL }} {{ template "tidewatch.text" . }}',
    "javascript:alert(1)",
    "\\[\\](http://evil.example)\\",
    "| a | b |\n|---|---|",
    "größe 温度 \U0001f525",
)
pytestmark = pytest.mark.skipif(not shutil.which("amtool"), reason="amtool is not on PATH")


def render(template, data, *, kind="text"):
    command = ["amtool", "template", "render", f"--template.glob={HERE / 'templates' / '*.tmpl'}"]
    command += [f"--template.type={kind}", f"--template.text={template}", f"--template.data={data}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def text_of(data):
    """Every template that makes text, below its name."""
    return render("".join(f'== {name} ==\n{{{{ template "tidewatch.{name}" . }}}}\n' for name in TEXTS), data)


def mail_of(data):
    return render('{{ template "tidewatch.mail.html" . }}', data, kind="html")


def parts(text):
    """What `text_of` wrote, by template."""
    pieces = re.split(r"^== (\S+) ==\n", text, flags=re.MULTILINE)
    return dict(zip(pieces[1::2], pieces[2::2], strict=True))


@pytest.fixture(scope="module")
def nasty(tmp_path_factory):
    """Data with each nasty text as a label, a summary, an address; and the same with harmless ones."""

    def written(name, texts):
        alerts = [
            {
                "status": status,
                "labels": {"alertname": text, "severity": "page", "source": text, "path": text},
                "annotations": {"summary": text, "description": text, "runbook_url": address, "dashboard_url": address},
                "startsAt": "2026-11-22T06:40:11Z",
                "endsAt": "2026-11-22T06:41:11Z",
                "generatorURL": address,
            }
            for status in ("firing", "resolved")
            for text, address in texts
        ]
        data = {"status": "firing", "commonLabels": alerts[0]["labels"], "externalURL": "http://a", "alerts": alerts}
        path = tmp_path_factory.mktemp("data") / f"{name}.json"
        path.write_text(json.dumps(data))
        return path

    half = [NASTY[:9], NASTY[9:]]  # chats show ten alerts
    return {
        "hostile": [written(f"h{n}", [(text, f"http://x/{text}") for text in texts]) for n, texts in enumerate(half)],
        "plain": [written(f"p{n}", [("plain", 'http://x/"y z') for _ in texts]) for n, texts in enumerate(half)],
    }


@pytest.mark.parametrize("name", DATA)
def test_texts_are_the_golden_ones(name):
    assert text_of(GOLDEN / f"{name}.json") == (GOLDEN / f"{name}.txt").read_text()


@pytest.mark.parametrize("name", DATA)
def test_mails_are_the_golden_ones(name):
    assert mail_of(GOLDEN / f"{name}.json") == (GOLDEN / f"{name}.html").read_text()


def test_a_mail_has_value_time_labels_and_links():
    mail = Markup(mail_of(GOLDEN / "firing.json"))
    text = " ".join(mail.texts)
    for want in ("server error 500, 3 in the last minute", "since 2026-11-22 06:40:11 UTC", "code", "500"):
        assert want in text
    links = [value for name, value in mail.attributes if name == "href"]
    assert [link.split("?")[0] for link in links] == [
        "http://127.0.0.1:8094/runbooks#siteservererrors",
        "http://127.0.0.1:3000/d/tidewatch-site",
        "http://127.0.0.1:9090/graph",
        "http://127.0.0.1:9093",
        "http://127.0.0.1:9093/#/silences/new",
    ]


def test_no_text_of_an_alert_becomes_markup_in_a_mail(nasty):
    for hostile, plain in zip(nasty["hostile"], nasty["plain"], strict=True):
        mail = Markup(mail_of(hostile))
        assert set(mail.tags) == set(Markup(mail_of(plain)).tags)
        assert {name for name, _ in mail.attributes if name.startswith("on")} == set()
        links = [value for name, value in mail.attributes if name == "href"]
        assert [link for link in links if not link.startswith(("http://x/", "http://a"))] == []
        assert mail.tags.count("a") == len(links)


def test_no_text_of_an_alert_becomes_a_line_or_acts(nasty):
    for hostile, plain in zip(nasty["hostile"], nasty["plain"], strict=True):
        got = text_of(hostile)
        assert printable_text(got) == got
        without_links = [
            re.sub(r"\n  (What to do|Dashboard|Graph): .*", "", parts(text_of(data))["text"])
            for data in (hostile, plain)
        ]
        assert without_links[0].count("\n") == without_links[1].count("\n")
        assert parts(got)["subject"].count("\n") == 1


def test_no_text_of_an_alert_becomes_markup_in_slack(nasty):
    for hostile, plain in zip(nasty["hostile"], nasty["plain"], strict=True):
        spans = [parts(text_of(data))["slack.text"].count("`") for data in (hostile, plain)]
        assert spans[0] == spans[1], "a span of code ends where we end it"
        for name in ("slack.title", "slack.text"):
            text = parts(text_of(hostile))[name]
            ours = re.sub(r"<https?://[^<>|\s]+\|(What to do|Dashboard|Graph|Alertmanager)>", "", text)
            assert not re.search("[<>]", ours)
            assert not re.search(r"&(?!(amp|lt|gt);)", text)


def test_no_text_of_an_alert_becomes_markup_in_teams(nasty):
    for hostile in nasty["hostile"]:
        text = parts(text_of(hostile))
        links = r"\[(What to do|Dashboard|Graph|Alertmanager)\]\(https?://[^()\s]+\)"
        marks = rf"{links}|\*\*(firing|resolved)\*\*|\[FIRING \d+\] "
        ours = re.sub(marks, "", text["teams.title"] + text["teams.text"])
        assert not re.search(r"[\\`*_~\[\]<>]", re.sub(r"\\[\\`*_~\[\]()#|]", "", ours))


def test_only_web_addresses_become_links():
    for name, text in parts((GOLDEN / "hostile.txt").read_text()).items():
        assert "javascript:" not in text, name
        assert "data:" not in text, name


def test_a_message_is_bounded_and_says_how_many_there_are(tmp_path):
    data = json.loads((GOLDEN / "many.json").read_text())
    data["alerts"] = [data["alerts"][0]] * 53 + [data["alerts"][-1]] * 51
    (tmp_path / "data.json").write_text(json.dumps(data))
    got = parts(text_of(tmp_path / "data.json"))
    assert (got["slack.text"].count("*firing*"), got["teams.text"].count("**firing**")) == (10, 10)
    assert got["text"].count("FIRING since") == 50
    assert mail_of(tmp_path / "data.json").count("firing since") == 50
    for name in ("text", "slack.text", "teams.text"):
        assert "... 53 in all" in got[name]
        assert "... 51 resolved in all" in got[name]


def test_templates_use_only_what_0_25_and_newer_ones_know():
    """Alertmanager refuses to start with a template whose function it lacks; newer ones are in no package."""
    of_both = {"toUpper", "reReplaceAll", "match", "stringSlice"}
    of_go = {"define", "template", "end", "if", "else", "range", "with", "index", "len", "lt", "gt", "eq", "ne", "not"}
    for path in (HERE / "templates").glob("*.tmpl"):
        actions = " ".join(re.findall(r"\{\{-?(?!\s*/\*)(.*?)-?\}\}", path.read_text(), re.DOTALL))
        code = re.sub(r'"(?:\\.|[^"\\])*"|`[^`]*`', "", actions)
        assert set(re.findall(r"(?<![.$\w])[A-Za-z]\w*", code)) <= of_both | of_go, path.name


def templates_named(path):
    return set(re.findall(r'template "(tidewatch\.[\w.]+)"', path.read_text()))


def test_receivers_name_templates_that_exist():
    exist = set(re.findall(r'define "([\w.]+)"', "".join(p.read_text() for p in (HERE / "templates").glob("*.tmpl"))))
    named = templates_named(HERE / "receivers.example.yml") | templates_named(HERE / "receivers.teams.example.yml")
    assert named - exist == set()
    entries = {f"tidewatch.{name}" for name in TEXTS} | {"tidewatch.mail.html"}
    assert entries - named == set(), "and each template for a receiver is shown in an example"


def test_the_example_mutes_and_routes_as_the_demo_does():
    waits = {"group_wait", "group_interval", "repeat_interval"}

    def without_waits(route):
        return {
            key: [without_waits(r) for r in value] if key == "routes" else value
            for key, value in route.items()
            if key not in waits
        }

    demo, example = (
        yaml.safe_load((HERE / name).read_text()) for name in ("alertmanager.yml", "receivers.example.yml")
    )
    assert example["inhibit_rules"] == demo["inhibit_rules"]
    assert without_waits(example["route"]) == without_waits(demo["route"])


def test_no_secret_stands_in_an_example():
    for name in ("receivers.example.yml", "receivers.teams.example.yml"):
        text = (HERE / name).read_text()
        secret = re.findall(
            r"^\s*-?\s*(\w*(?:password|secret|_key|credentials|webhook_url|api_url)\w*):", text, re.MULTILINE
        )
        assert secret
        assert [key for key in secret if not key.endswith("_file")] == []
