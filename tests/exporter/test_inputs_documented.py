"""docs/inputs.md: its examples are good, and every key, metric and reason of the inputs is in it."""

import re
from pathlib import Path
from typing import Any

import pytest

from exporter.catalogue import accesslog as catalogue
from exporter.daemon import load
from exporter.sources.journal.settings import Journal
from exporter.sources.pipes import Fifo
from exporter.sources.syslog.datagrams import Datagrams
from exporter.sources.syslog.settings import Listen
from exporter.sources.syslog.streams import Streams

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "inputs.md").read_text("utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("text", EXAMPLES, ids=["syslog", "pipes", "journal", "logs", "containers", "captures"])
def test_examples_are_good(text, tmp_path):
    path = tmp_path / "exporter.yml"
    path.write_text(text)
    assert len(load(path).sources("accesslog")) + len(load(path).sources("logs")) == text.count("- source:")


def test_every_key_is_documented():
    places = {"paths", "listen", "stdin", "fifo", "journal"}
    keys = places | set(Listen.__struct_fields__) | set(Journal.__struct_fields__)
    assert {key for key in keys if key not in TEXT} == set()


def test_every_metric_and_reason_is_documented():
    settings = [Listen(syslog=where) for where in ("udp://127.0.0.1:1", "tcp://127.0.0.1:1")]
    receivers: list[Any] = [Datagrams(settings[0]), Streams(settings[1]), Fifo("/x")]
    reasons = {reason for receiver in receivers for reason in receiver.dropped.messages}
    assert reasons == {"kernel", "incomplete", "framing"}
    missing = {reason for reason in reasons if f'reason="{reason}"' not in TEXT}
    missing |= {metric.name for metric in catalogue.INPUT if metric.name not in TEXT}
    assert missing == set()


def test_defaults_are_those_of_the_table():
    listen = Listen(syslog="udp://127.0.0.1:1")
    assert (listen.message_bytes, listen.receive_buffer_bytes) == (64 << 10, 8 << 20)
    assert (listen.max_connections, listen.idle_timeout_s, listen.mode, listen.group) == (100, None, "0660", None)
