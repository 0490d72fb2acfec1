"""The configuration of /probe: patterns of addresses mean what they say, and mistakes are told with their place."""

import pytest

from exporter.stats.modules import Probe, allowed, parse_target
from foundation.config import parse_config
from foundation.errors import ConfigError


@pytest.mark.parametrize(
    ("pattern", "target", "want"),
    [
        ("http://127.0.0.1:8080/stats", "http://127.0.0.1:8080/stats", True),
        ("http://127.0.0.1:8080/stats", "http://127.0.0.1:8080/stats#top", True),
        ("http://127.0.0.1:8080/stats", "http://127.0.0.1:8081/stats", False),
        ("http://127.0.0.1:8080/stats", "https://127.0.0.1:8080/stats", False),
        ("http://127.0.0.1:8080/stats", "http://127.0.0.1:8080/stats/more", False),
        ("http://127.0.0.1:8080/stats", "http://127.0.0.1:8080/stats?x=1", False),
        ("http://127.0.0.1:*/stats", "http://127.0.0.1:9/stats", True),
        ("http://example.com/*", "http://EXAMPLE.com/a/b?c=d", True),
        ("http://example.com/*", "http://example.com:80/", True),
        ("http://example.com/*", "http://example.com:8080/", False),
        ("https://example.com/*", "https://example.com:443/", True),
        ("http://*.example.com/*", "http://a.b.example.com/x", True),
        ("http://*.example.com/*", "http://example.com/x", False),
        ("http://*.example.com/*", "http://example.org/x.example.com/", False),
        ("http://*.example.com/*", "http://192.0.2.1:80/.example.com/", False),
        ("http://example.com/open/*", "http://example.com/open/../secret", False),
        ("http://example.com/open/*", "http://example.com/open/%2e%2e/secret", False),
        ("http://example.com/a?b", "http://example.com/axb", False),
        ("http://[::1]:8080/stats", "http://[::1]:8080/stats", True),
        ("http://[::1]/stats", "http://[::1]/stats", True),
    ],
)
def test_which_addresses_a_pattern_allows(pattern, target, want):
    assert allowed(parse_target(target), [pattern]) is want


@pytest.mark.parametrize(
    "target", ["", "stats", "file:///etc/passwd", "http://", "http://a:b@example.com/", "http://[/"]
)
def test_what_is_no_target(target):
    with pytest.raises(ValueError, match=r"^invalid URL .*: expected (http|no password)"):
        parse_target(target)


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
        ("{metric: tidewatch_x, key: a}", "are the exporter's own"),
        ("{metric: a, key: '{'}", "is no template"),
        ("{metric: a, pointer: a}", "is no JSON pointer"),
        ("{metric: a, key: a, unit: furlong}", "unknown unit furlong; known are ns"),
        ("{metric: a, key: a, unit: ms}", "so the name must end in _seconds"),
        ("{metric: a, key: '{x}', labels: {x: y}}", "the label x is given twice"),
        ("{metric: a, key: a, labels: {'x y': z}}", "is no name of a label"),
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
        ("targets: [example.com]", "is no pattern of addresses"),
        ("targets: ['http://u@example.com/']", "is no pattern of addresses"),
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
            "a is declared twice",
        ),
    ],
)
def test_a_probe_that_cannot_be(text, complaint):
    with pytest.raises(ConfigError) as caught:
        parse_config(text, Probe)
    assert complaint in str(caught.value)
