"""Two runs compared as one HTML file: one axis for both, nothing that acts, nothing secret, nothing from elsewhere."""

from html.parser import HTMLParser

import pytest
from click.testing import CliRunner
from msgspec import structs

from foundation.errors import StoreError
from trafficgen.cli import cli
from trafficgen.meter.meter import Meter
from trafficgen.report.compare import compare
from trafficgen.report.render_compare_html import render_comparison_html
from trafficgen.report.report import BinReport, OverTime, make_report
from trafficgen.report.verdict import Verdict

NOON = 1_795_780_800  # 2026-11-27T12:00:00Z


class Reader(HTMLParser):
    """The page's pictures by name (texts, curves, bars), its rows of cells, references and tags."""

    def __init__(self, text):
        super().__init__()
        self.pictures, self.rows, self.words, self.refers, self.tags = {}, [], [], [], set()
        self._picture = self._cell = None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.tags.add(tag)
        self.refers += [value for name, value in attributes if name in {"src", "href", "action", "srcset"}]
        self._cell = tag if tag in {"th", "td"} else self._cell
        if tag == "tr":
            self.rows.append([])
        elif tag in {"th", "td"}:
            self.rows[-1].append("")
        elif tag == "svg" and "aria-label" in values:
            self._picture = self.pictures[values["aria-label"]] = {"labels": {}, "curves": [], "bars": []}
        elif self._picture is not None and tag == "polyline":
            self._picture["curves"].append([tuple(map(float, p.split(","))) for p in values["points"].split()])
        elif self._picture is not None and tag == "rect":
            self._picture["bars"].append((values["class"], float(values["height"])))
        elif self._picture is not None and tag == "text" and values.get("text-anchor") == "end":
            self._at = values["y"]
            self._cell = "label"

    def handle_data(self, data):
        self.words.append(data)
        if self._cell == "label":
            self._picture["labels"][self._at] = data
        elif self._cell:
            self.rows[-1][-1] += data

    def handle_endtag(self, tag):
        self._cell = None if tag in {"th", "td", "text"} else self._cell
        self._picture = None if tag == "svg" else self._picture

    def row(self, name):
        (found,) = [cells for cells in self.rows if cells and cells[0] == name]
        return found[1:]


def run_of(latency_s, *, failed=0, bins=10, width_s=1, target="/", **changes):
    """A run of 10 requests per bin of `latency_s`, `failed` of them with 500."""
    one = BinReport(
        planned=10, sent=10, answered=10, unexpected=failed, server_errors=failed, client_errors=0, no_answer=0,
        dropped=0, latency_from_plan_s=[(latency_s, 10)],
    )  # fmt: skip
    meter, count = Meter((target,)), 10 * bins
    meter.planned = count
    meter.codes[0].update({200: count - failed * bins, 500: failed * bins})
    for times in (meter.plan_ns, meter.send_ns):
        times.extend([round(latency_s * 1e9)] * count)
    meter.late_ns.extend([0] * count)
    meter.ended.extend([0] * count)
    meter.close_second()
    length = float(bins * width_s)
    report = make_report(meter, url="http://a/", seed=1, seconds=length, plan_s=length, started_at=NOON)
    return structs.replace(report, over_time=OverTime(width_s=width_s, bins=[one] * bins), **changes)


def page_of(a, b, names=("a.json", "b.json")):
    found = compare((names[0], a), (names[1], b), allowed={})
    return render_comparison_html(found, a, b)


def test_both_runs_are_drawn_on_one_axis():
    page = Reader(page_of(run_of(0.002), run_of(0.5, failed=5)))
    before, after = page.pictures["Latency before"], page.pictures["Latency after"]
    assert before["labels"] == after["labels"]
    assert list(before["labels"].values()) == ["1 ms", "10 ms", "100 ms", "1 s"]
    (low,), (high,) = ({y for curve in one["curves"] for _, y in curve} for one in (before, after))
    assert len(before["curves"]) == len(after["curves"]) == 3
    # 200 pixels for three powers of ten from y = 230 up
    assert (low, high) == pytest.approx((230 - 200 * 0.30103 / 3, 230 - 200 * 2.69897 / 3), abs=0.1)
    assert set(page.pictures["Answers before"]["bars"]) == {("c2", 200.0)}
    assert set(page.pictures["Answers after"]["bars"]) == {("c2", 100.0), ("c5", 100.0)}


def test_the_judged_table_the_runs_and_their_targets_are_side_by_side():
    page = Reader(
        page_of(
            run_of(0.002, command="trafficgen --url http://a/", plan="abc", failed=1),
            run_of(0.5, started_at=NOON + 3600, plan="def", stopped_early=True),
        )
    )
    assert page.row("p50") == ["2 ms", "500 ms", "498 ms", "498 ms .. 498 ms", "worse"]
    assert page.row("http_5xx_ratio") == ["10 %", "0 %", "-10 %", "-10 % .. -10 %", "better"]
    assert "worse: p50, p95, p99, mean" in page.words
    assert "better: error_ratio, http_5xx_ratio" in page.words
    assert "Note: b.json: stopped before the end of its plan" in page.words
    assert page.row("begin") == ["2026-11-27 12:00:00 UTC", "2026-11-27 13:00:00 UTC"]
    assert page.row("command") == ["trafficgen --url http://a/", "-"]
    assert page.row("plan") == ["abc", "def"]
    assert page.row("stopped") == ["-", "before the end of the plan"]
    assert page.row("/") == ["before", "100", "10", "0", "0", "2 ms", "2 ms", "2 ms", "200: 90, 500: 10"]
    assert page.rows[-1] == ["after", "100", "0", "0", "0", "500 ms", "500 ms", "500 ms", "200: 100"]


def test_a_run_in_which_nothing_ended_says_so_in_place_of_its_chart():
    nothing = structs.replace(run_of(0.002), over_time=OverTime(width_s=1, bins=[]))
    page = Reader(page_of(nothing, run_of(0.002)))
    assert set(page.pictures) == {"Latency after", "Answers after"}
    assert page.words.count("Nothing ended in this run: there is nothing to draw.") == 2


def test_what_comes_from_outside_does_nothing_on_the_page():
    hostile = "</title><script>x()</script>\x1b[2J\x9b\u202e'\"><img src=http://a/ onerror=x()>"
    run = run_of(
        0.002, target=hostile, url=hostile, command=hostile, plan=hostile, version=hostile, failed=1,
    )  # fmt: skip
    run = structs.replace(
        run,
        failed=[hostile],
        expectations=[Verdict(expectation=hostile, held=False, why=hostile)],
        session_failures={hostile: 1},
        codes={hostile: 1},
    )
    text = page_of(run, run, (hostile, hostile))
    page = Reader(text)
    assert page.refers == []
    assert not page.tags & {"script", "img", "link", "iframe", "object"}
    assert "url(" not in text
    assert "@import" not in text
    assert sum(hostile[:10] in word for word in page.words) >= 16  # all of the above, twice, and the title
    assert not {"\x1b", "\x9b", "\u202e"} & set(text)


def test_the_command_writes_the_page_without_secrets_and_keeps_its_exit_code(tmp_path):
    """URLs are shown as the report shows them, also those of a report that another program wrote."""
    secret = "http://user:hunter2@192.0.2.1/?q=1&token=s3cret"
    before, after = run_of(0.002, url=secret, command="trafficgen --header 'X-Key: ...'"), run_of(0.5, url=secret)
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    for file, report in zip(files, (before, after), strict=True):
        file.write_text(report.to_json())
    output = tmp_path / "c.html"
    words = ["compare", *map(str, files), "--format", "html"]
    written = CliRunner().invoke(cli, [*words, "--output", str(output)])
    assert (written.exit_code, written.stdout) == (1, "")
    text = output.read_text()
    assert CliRunner().invoke(cli, words).stdout == text
    page = Reader(text)
    assert page.row("URL")[0] == page.row("URL")[1] == "http://192.0.2.1/?q=1&token=..."
    assert page.row("command") == ["trafficgen --header 'X-Key: ...'", "-"]
    assert "hunter2" not in text
    assert "s3cret" not in text


def test_a_file_that_cannot_be_written_is_refused_first(tmp_path):
    file = tmp_path / "a.json"
    file.write_text("no report")
    words = ["compare", str(file), str(file), "--format", "html", "--output", str(tmp_path / "none" / "c.html")]
    refused = CliRunner().invoke(cli, words)
    assert isinstance(refused.exception, StoreError)
    assert "there is no folder" in str(refused.exception)
