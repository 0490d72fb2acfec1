"""Labels, rules of `ignore:` and further histograms of one source: both engines agree, and the state has all of it."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.accesslog.own_labels import Label
from exporter.accesslog.parse import reader as reader_module
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.source import Source
from exporter.accesslog.state import Traffic
from exporter.accesslog.tally import Buckets

pytest.importorskip("re2", reason="google-re2 is not installed: `make .venv/installed` renews the packages")

SOURCE = Source(
    source="site",
    paths=("/x",),
    format='$host [$time_local] "$request" $status $body_bytes_sent "$upstream_response_time" "$http_user_agent"',
    labels={"vhost": Label(field="host"), "client": Label(field="user_agent", shape="agent")},
    ignore=({"path": "/healthz"}, {"user_agent": "(?i)probe|^x", "name": "probes"}),
    sizes=("response",),
)
lines = st.builds(
    '{} [22/Nov/2026:06:30:48 +0000] "GET {} HTTP/1.1" {} {} "{}" "{}"\n'.format,
    st.sampled_from(["a.example.org", "b", "-"]),
    st.sampled_from(["/", "/a?b", "/healthz", "/u/7", "/u/8"]),
    st.sampled_from(["200", "404", "-", "x"]),
    st.sampled_from(["1", "200", "5000", "-"]),
    st.sampled_from(["0.1", "0.1, 0.2", "-", "0.003"]),
    st.sampled_from(["curl", "x1", "kube-Probe", "Mozilla/5.0 Chrome", r"\x22", "\xe9"]),
)


def reader():
    return Reader(
        SOURCE.parsed_format(),
        Buckets(SOURCE.buckets),
        columns=SOURCE.columns(),
        ignore=SOURCE.ignoring(),
        measures=SOURCE.measures(),
    )


@settings(max_examples=20, deadline=None)
@given(st.lists(lines, max_size=12).map(lambda some: "".join(some).encode("latin-1")))
def test_what_both_engines_make_of_all_of_it_is_kept(text):
    one = reader().read(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader_module, "BULK_BYTES", 0)
        two = reader().read(text)
    assert (one.hits, one.ignored, one.failed) == (two.hits, two.ignored, two.failed)
    assert one.fitting + sum(one.failed.values()) == one.lines
    traffic = Traffic(SOURCE, 1.0)
    traffic.add(one, 1.0)
    kept = traffic.changes(everything=True).items()
    again = Traffic(SOURCE, 2.0, {key: msgspec.json.encode(value) for key, value in kept})
    assert again.unreadable == {}
    assert (again.requests, again.measured, again.totals) == (traffic.requests, traffic.measured, traffic.totals)
