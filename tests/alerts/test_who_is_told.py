"""A real Alertmanager delivers mails to a real SMTP server, and the rest to addresses that stand in for the services.

The configuration is receivers.example.yml with other addresses and waits.
"""

import asyncio
import json
import re
import shutil
import subprocess
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from pathlib import Path

import pytest
import yaml
from aiohttp import web
from aiosmtpd.smtp import SMTP, AuthResult
from programs import ALERTMANAGER, alertmanager, serving, until

from alerts.render import render
from alerts.rulefiles import HERE

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(not ALERTMANAGER, reason="alertmanager is not on PATH")]

LINKS = {
    "runbook_url": "https://example.com/runbooks#logstalled",
    "dashboard_url": "https://example.com/d/site?a=1&b=2",
}
TICKET = (
    {"alertname": "LogLinesFailed", "severity": "ticket", "source": "shop"},
    {"summary": "shop: 3.2 % of lines failed", "description": "See <the log> & the format.", **LINKS},
)
PAGE = (
    {"alertname": "LogStalled", "severity": "page", "source": "shop"},
    {"summary": "shop: no log line read for 1m 10s", **LINKS},
)
HOSTILE = (
    {
        "alertname": "Hostile",
        "severity": "ticket",
        "source": "x\r\nBcc: all@example.com\r\n\r\n<h1>",
        "route": "\u202egnp",
    },
    {"summary": "<script>alert(1)</script>", "runbook_url": "javascript:alert(1)"},
)
GOLDEN = Path(__file__).parent / "golden"
WATCHDOG = ({"alertname": "Watchdog", "severity": "none"}, {"summary": "always"})


class Post:
    """What was delivered: mails with their envelopes, and the bodies and headers of requests by path."""

    def __init__(self):
        self.mails, self.logins, self.requests = [], [], []

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802, aiosmtpd's name
        self.mails.append((envelope.rcpt_tos, message_from_bytes(envelope.content, policy=policy.default)))
        return "250 OK"

    def login(self, _server, _session, _envelope, _mechanism, data):
        self.logins.append((data.login, data.password))
        return AuthResult(success=True)

    async def take(self, request):
        self.requests.append((request.path, await request.json(), dict(request.headers)))
        return web.Response(text="ok", status=202 if request.path == "/pagerduty" else 200)

    async def subjects(self):
        return [mail["Subject"] for _, mail in self.mails]

    async def bodies(self, path):
        return [body for where, body, _ in self.requests if where == path]


@asynccontextmanager
async def office(folder):
    """An Alertmanager of the example, its mail server and its web services."""
    post = Post()
    smtp = await asyncio.get_running_loop().create_server(
        lambda: SMTP(post, authenticator=post.login, auth_require_tls=False, auth_exclude_mechanism=["LOGIN"]),
        "127.0.0.1",
        0,
    )
    async with smtp, serving([web.post("/{any:.*}", post.take)]) as port:
        services = f"http://127.0.0.1:{port}"
        secrets = folder / "secrets"
        secrets.mkdir()
        for name, secret in (
            ("smtp-password", "quiet"),  # 0.25 takes a line feed for a part of the password
            ("slack-url", f"{services}/slack\n"),
            ("pagerduty-key", "routing\n"),
            ("heartbeat-token", "beat\n"),
        ):
            (secrets / name).write_text(secret)
        mail_server = "{}:{}".format(*smtp.sockets[0].getsockname())
        render(
            folder,
            {
                "  smtp_from:": f"  smtp_require_tls: false\n  pagerduty_url: {services}/pagerduty\n  smtp_from:",
                "mail.example.com:587": mail_server,
                "/etc/alertmanager/secrets": str(secrets),
                "https://heartbeat.example.com/": f"{services}/",
                "group_wait: 30s": "group_wait: 100ms",
                "group_interval: 5m": "group_interval: 500ms",
            },
        )
        async with alertmanager(folder, folder / "alerts" / "receivers.example.yml") as running:
            yield post, running


async def test_people_are_told_by_mail_chat_incident_and_webhook(tmp_path):
    async with office(tmp_path) as (post, running):
        await running.post(TICKET, PAGE, HOSTILE, WATCHDOG)
        subjects = await until(post.subjects, lambda got: len(got) == 2)
        assert "[FIRING 1] LogLinesFailed on shop (ticket)" in subjects
        assert post.logins[0] == (b"alertmanager", b"quiet")
        by_alert = {("Hostile" if "Hostile" in mail["Subject"] else "ticket"): (to, mail) for to, mail in post.mails}

        to, mail = by_alert["ticket"]
        assert to == ["oncall@example.com"]
        page, text = (mail.get_body((kind,)).get_content() for kind in ("html", "plain"))
        assert "shop: 3.2 % of lines failed" in page
        assert "See &lt;the log&gt; &amp; the format." in page
        assert 'href="https://example.com/d/site?a=1&amp;b=2"' in page
        assert 'href="http://127.0.0.1:9090/graph?g0.expr=up&amp;g0.tab=1"' in page
        assert "What to do: https://example.com/runbooks#logstalled" in text

        to, mail = by_alert["Hostile"]
        assert (to, mail["Bcc"]) == (["oncall@example.com"], None)
        assert "<script>" not in mail.get_body(("html",)).get_content()
        assert "javascript:" not in str(mail)

        (slack,) = await until(lambda: post.bodies("/slack"), bool)
        (shown,) = slack["attachments"]
        assert shown["title"] == "[FIRING 1] LogStalled on shop (page)"
        assert "<https://example.com/d/site?a=1&amp;b=2|Dashboard>" in shown["text"]
        (incident,) = await until(lambda: post.bodies("/pagerduty"), bool)
        assert (incident["routing_key"], incident["event_action"]) == ("routing", "trigger")
        assert incident["payload"]["summary"] == "shop: no log line read for 1m 10s (LogStalled)"
        assert incident["payload"]["severity"] == "critical"
        assert [link["href"] for link in incident["links"]] == list(LINKS.values())
        (beat,) = await until(lambda: post.bodies("/tidewatch"), bool)
        assert (beat["version"], beat["alerts"][0]["labels"]["alertname"]) == ("4", "Watchdog")
        assert [h["Authorization"] for path, _, h in post.requests if path == "/tidewatch"] == ["Bearer beat"]

        await running.post(TICKET, PAGE, over=True)
        await until(post.subjects, lambda got: "[RESOLVED] LogLinesFailed on shop (ticket)" in got)
        ended = await until(lambda: post.bodies("/pagerduty"), lambda got: len(got) == 2)
        assert (ended[1]["event_action"], ended[1]["dedup_key"]) == ("resolve", incident["dedup_key"])
        assert "quiet" not in json.dumps(post.requests, default=str)


@pytest.mark.skipif(not shutil.which("amtool"), reason="amtool is not on PATH")
async def test_a_message_in_teams_is_a_card_with_the_golden_title_and_text(tmp_path):
    """From 0.28 on. An older Alertmanager refuses the receiver by its name, as docs/alerts.md says."""
    (alert, _) = json.loads((GOLDEN / "firing.json").read_text())["alerts"]
    post = Post()
    async with serving([web.post("/{any:.*}", post.take)]) as port:
        config = teams(tmp_path, f"http://127.0.0.1:{port}/workflow")
        command = ["amtool", "check-config", str(config)]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
        if done.returncode:
            assert "field msteamsv2_configs not found" in done.stdout + done.stderr
            return
        async with alertmanager(tmp_path, config) as running:
            await running.post((alert["labels"], alert["annotations"]))
            (message,) = await until(lambda: post.bodies("/workflow"), bool)
    card = message["attachments"][0]["content"]
    assert (message["type"], card["type"]) == ("message", "AdaptiveCard")
    golden = (GOLDEN / "firing.txt").read_text()
    title, text = golden.partition("== teams.title ==\n")[2].split("\n== teams.text ==\n")
    shown = [without_times(block["text"]) for block in card["body"]]
    assert shown == [title, without_times(text.partition("**resolved**")[0])]


def teams(folder, address):
    """A configuration with the receiver of the example, whose webhook has this address."""
    (folder / "teams-url").write_text(f"{address}\n")
    receiver, _ = yaml.safe_load((HERE / "receivers.teams.example.yml").read_text())["receivers"]
    whole = {
        "templates": [str(HERE / "templates" / "*.tmpl")],
        "route": {"receiver": receiver["name"], "group_wait": "100ms"},
        "receivers": [receiver],
    }
    text = yaml.dump(whole).replace("/etc/alertmanager/secrets/teams-url", str(folder / "teams-url"))
    (folder / "alertmanager.yml").write_text(text)
    return folder / "alertmanager.yml"


def without_times(text):
    """And without the link to the graph, which is that of the program that sent the alert."""
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|  \[Graph\]\(\S+\)", "", text)
