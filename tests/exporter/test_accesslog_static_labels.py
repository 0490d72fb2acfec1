"""Labels of all series of requests of an access log."""

import re

import pytest
from click.testing import CliRunner

from exporter.accesslog.cli import explain_command
from exporter.accesslog.metrics import families
from exporter.accesslog.selftest import check_source, samples_of
from exporter.accesslog.source import Example, Source
from exporter.accesslog.state import Traffic
from exporter.accesslog.tally import Tally

LINE = "192.0.2.1\tGET /a\t200\t5\t0.5"


def source(**more):
    return Source(source="site", paths=("/x",), **{"format": "tab-timed", "static_labels": {"team": "shop"}, **more})


def test_all_series_of_requests_have_them_from_the_start():
    samples = {
        'tidewatch_http_requests_total{route="/a",code="200",team="shop"}': 1,
        'tidewatch_http_requests_total{route="/b",code="500",team="shop"}': 0,
        'tidewatch_http_response_bytes_total{team="shop"}': 5,
        'tidewatch_http_request_duration_seconds_count{team="shop"}': 1,
        "tidewatch_log_lines_total": 1,
    }
    tests = (Example(lines=(LINE,), samples=samples),)
    assert check_source(source(routes=("/b",), codes=(500,), tests=tests)) == []


def test_only_series_of_requests_have_them_and_the_state_does_not():
    traffic = Traffic(source(), 1.0)
    traffic.add(Tally(lines=1, hits={(b"GET", b"/a", b"200"): [1, 5, 10**9, *[0] * 14]}), 1.0)
    labelled = {sample.name for sample in samples_of(families(traffic)) if "team" in sample.labels}
    assert {name.split("_")[1] for name in labelled} == {"http"}
    assert all("shop" not in key for key in traffic.changes(everything=True))


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({"route": "x"}, "static_labels: route: the label name is already used"),
        ({"le": "x"}, "static_labels: le: the label name is already used"),
        ({"a-b": "x"}, "static_labels: a-b: a label's name has letters"),
        ({"team": "{pod}"}, "static_labels: team: invalid value '{pod}': expected a fixed text, for example shop"),
        ({"team": ""}, "static_labels: team: invalid value ''"),
        ({"team": 201 * "x"}, f"static_labels: team: invalid value '{20 * 'x'}...': expected a fixed text"),
    ],
)
def test_what_cannot_be_a_label_is_refused(labels, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        source(static_labels=labels)


def test_explain_shows_them(tmp_path):
    (tmp_path / "a.log").write_text(f"{LINE}\n")
    config = tmp_path / "e.yml"
    text = "accesslog:\n- {source: site, paths: [a.log], format: tab-timed, static_labels: {team: shop}}\n"
    config.write_text(text)
    done = CliRunner().invoke(explain_command, [str(tmp_path / "a.log"), "--config.file", str(config)])
    assert 'requests_total{source="site",method="GET",route="/a",code="200",team="shop"} +1' in done.stdout
