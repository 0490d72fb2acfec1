"""A browser's recording becomes targets that send it again, without what is secret or belongs to the browser."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import ConfigError
from trafficgen.cli import cli
from trafficgen.command import save_har
from trafficgen.targets.har import import_har
from trafficgen.targets.read import read_targets


def entry(url, *, method="GET", headers=(), status=200, **request):
    named = [{"name": name, "value": value} for name, value in headers]
    return {
        "startedDateTime": "2026-11-27T00:00:00.000Z",
        "request": {"method": method, "url": url, "headers": named, "httpVersion": "h2", **request},
        "response": {"status": status, "content": {"size": 1}},
    }


def har(*entries):
    return json.dumps({"log": {"version": "1.2", "creator": {"name": "x"}, "entries": entries}}).encode()


def again(tmp_path, *entries, origin=None):
    imported = import_har(har(*entries), "x.har", origin)
    (tmp_path / "t.yml").write_text(imported.text)
    return read_targets(tmp_path / "t.yml", {}).targets, imported.left_out


def test_requests_of_the_first_host_become_targets_and_the_same_ones_a_weight(tmp_path):
    targets, left_out = again(
        tmp_path,
        entry("https://site.example/a?b=c#d"),
        entry("https://site.example/a?b=c"),
        entry("https://cdn.example/x.js"),
        entry("data:text/plain,x"),
        entry("https://site.example/ä b", status=404),
        entry("https://site.example/aborted", status=0),
        entry("https://site.example/cached", status=304),
    )
    assert [("".join(t.path), t.weight, t.expected) for t in targets] == [
        ("/a?b=c", 2, ((200, 200),)),
        ("/%C3%A4%20b", 1, ((404, 404),)),
        ("/cached", 1, ((200, 200), (304, 304))),
    ]
    assert sorted(left_out) == [
        "1 x request that is not HTTP",
        "1 x request to https://cdn.example",
        "1 x request without an answer",
    ]


def test_secrets_and_what_is_the_browsers_are_left_out(tmp_path):
    headers = [
        (":authority", "site.example"), ("Cookie", "hidden"), ("authorization", "hidden"), ("X-Api-Key", "hidden"),
        ("x-csrf-token", "hidden"), ("Accept", "text/html"), ("X-Kept", "{word}"), ("sec-fetch-mode", "cors"),
        ("Content-Length", "3"), ("Accept-Encoding", "br"), ("User-Agent", "x"),
    ]  # fmt: skip
    (target,), left_out = again(tmp_path, entry("https://site.example/", headers=headers))
    assert target.headers == (("Accept", ("text/html",)), ("X-Kept", ("{word}",)))
    assert len(left_out) == 4
    assert "hidden" not in str(left_out)


@given(text=st.text(max_size=60), base64=st.booleans())
def test_a_body_is_sent_again_byte_by_byte(tmp_path_factory, text, base64):
    data = text.encode("utf-8", "surrogatepass")
    post = (
        {"text": text} if not base64 else {"text": __import__("base64").b64encode(data).decode(), "encoding": "base64"}
    )
    (target,), _ = again(
        tmp_path_factory.getbasetemp(),
        entry("https://site.example/", method="POST", postData={"mimeType": "x", **post}),
    )
    assert (target.body if isinstance(target.body, bytes) else "".join(target.body).encode()) == data


def test_another_host_is_taken_on_demand_and_an_unknown_one_refused(tmp_path):
    entries = [entry(f"https://h{n}.example/{n}") for n in range(300)]
    targets, left_out = again(tmp_path, *entries, origin="https://h7.example")
    assert ["".join(target.path) for target in targets] == ["/7"]
    assert len(left_out) == 11
    assert left_out[-1] == "289 x 289 others"
    with pytest.raises(
        ConfigError, match=r"no request to https://no\.example; it has requests to https://h0\.example, "
    ):
        again(tmp_path, *entries, origin="https://no.example")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not a recording in HAR"),
        (b"[]", "not a recording in HAR"),
        (b"[" * 10_000, "not a recording in HAR"),
        (b'{"log": {}}', "not a recording in HAR: .*entries"),
        (har(), "no request to any host"),
        (har(entry("http://[::1/")), "no request to any host"),
        (har(entry("http://a/", status=0)), "no request to http://a was answered"),
        (har(entry("http://a/", method="GE T")), "no request to http://a was answered"),
    ],
)
def test_what_is_no_recording_is_refused(content, said):
    with pytest.raises(ConfigError, match=said):
        import_har(content, "x.har", None)


def test_the_command_writes_the_file_and_says_what_was_left_out(tmp_path):
    (tmp_path / "x.har").write_bytes(har(entry("http://a/"), entry("http://b/")))
    got = CliRunner().invoke(cli, ["import-har", str(tmp_path / "x.har"), "--output", str(tmp_path / "t.yml")])
    assert (got.exit_code, got.stdout, got.stderr) == (0, "", "skipped: 1 x request to http://b\n")
    assert Path(tmp_path / "t.yml").read_text().startswith("# trafficgen --url http://a/ --targets")


@pytest.mark.parametrize(("size", "said"), [(None, "No such file or directory"), (2 << 20, "larger than 1 MiB")])
def test_a_recording_that_cannot_be_read_is_refused_by_its_name(tmp_path, monkeypatch, size, said):
    monkeypatch.setattr("trafficgen.command.MAX_HAR_BYTES", 1 << 20)
    if size:
        (tmp_path / "x.har").write_bytes(bytes(size))
    with pytest.raises(ConfigError, match=rf"/x\.har: {said}$"):
        save_har(tmp_path / "x.har", None, None)
