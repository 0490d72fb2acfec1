"""The configuration of /probe: mistakes are reported with their place."""

import pytest

from exporter.stats.modules import Probe
from foundation.config import parse_config
from foundation.errors import ConfigError

PROBE = """
targets: ["http://127.0.0.1:*/*"]
modules:
  queue:
    metrics:
      - {field}
"""


@pytest.mark.parametrize(
    ("field", "complaint"),
    [
        ("{metric: a}", "give either key"),
        ("{metric: a, key: a, pointer: /a}", "give either key"),
        ("{metric: a_total, key: a}", "counters, and only counters, end in _total"),
        ("{metric: a, type: counter, key: a}", "counters, and only counters, end in _total"),
        ("{metric: A, key: a}", "a metric's name is snake_case"),
        ("{metric: tidewatch_x, key: a}", "are reserved for the exporter"),
        ("{metric: a, key: '{'}", "is not a template"),
        ("{metric: a, pointer: a}", "is not a JSON pointer"),
        ("{metric: a, key: a, unit: furlong}", "unknown unit furlong; known are ns"),
        ("{metric: a, key: a, unit: ms}", "so the name must end in _seconds"),
        ("{metric: a, key: '{x}', labels: {x: y}}", "the label x is a duplicate"),
        ("{metric: a, key: a, labels: {'x y': z}}", "is not a label name"),
        ("{metric: a, key: '{le}'}", "belong to the scraper"),
        ("{metric: a, kee: a}", "unknown key kee; did you mean key?"),
    ],
)
def test_a_field_that_cannot_be_is_told_with_its_place(field, complaint):
    with pytest.raises(ConfigError) as caught:
        parse_config(PROBE.replace("{field}", field), Probe)
    assert complaint in str(caught.value)
    assert "$.modules" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{}", "$: missing key targets"),
        ("targets: []", "a list of at least one"),
        ("targets: [example.com]", "$.targets[0]: invalid pattern 'example.com': expected SCHEME://HOST"),
        ("targets: ['http://u:pw@example.com/']", "invalid pattern 'http://example.com/'"),
        (
            "targets: [http://a/, 'http://10.*:9100/*']",
            "$.targets[1]: invalid pattern 'http://10.*:9100/*': expected four",
        ),
        (
            "{targets: ['http://a/'], modules: {m: {credentials: {token_file: x, targets: ['http://*/']}}}}",
            "$.modules.m.credentials.targets[0]: invalid pattern",
        ),
        (
            "{targets: ['http://a/'], modules: {m: {timeout_s: 0}}}",
            "invalid duration 0: expected more than 0 and at most 1m",
        ),
        (
            "{targets: ['http://a/'], modules: {m: {credentials: {targets: ['http://a/'], username: x}}}}",
            "give either username and password_file, or token_file",
        ),
        (
            "{targets: ['http://a/'], modules: {m: {metrics: [{metric: a, key: a}, {metric: a, key: '{b}'}]}}}",
            "a is a duplicate",
        ),
    ],
)
def test_a_probe_that_cannot_be(text, complaint):
    with pytest.raises(ConfigError) as caught:
        parse_config(text, Probe)
    assert complaint in str(caught.value)
