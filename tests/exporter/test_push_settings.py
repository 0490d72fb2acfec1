"""The configuration of a receiver: what is refused, where, and that no secret is shown."""

import re
from pathlib import Path

import msgspec
import pytest

from exporter.catalogue import every_metric
from exporter.cli import main
from exporter.daemon import load
from exporter.push import answers, batches
from exporter.push.settings import BasicAuth, Otlp, Queue, RemoteWrite, Tls
from foundation.errors import ConfigError

URL = "http://127.0.0.1:9090/api/v1/write"


def loaded(tmp_path, text):
    path = tmp_path / "exporter.yml"
    path.write_text(text)
    return load(path)


@pytest.fixture
def check(tmp_path, monkeypatch, capfd):
    """Runs `exporter check` on a text, in a folder of its own; its exit code and all that it printed."""
    monkeypatch.chdir(tmp_path)

    def call(text):
        (tmp_path / "exporter.yml").write_text(text)
        monkeypatch.setattr("sys.argv", ["exporter", "check", "exporter.yml"])
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = ended.code
        return code, "".join(capfd.readouterr())

    return call


def test_every_key_has_prometheus_name_and_its_unit(tmp_path):
    text = f"""
remote_write:
  - url: {URL}
    name: central
    interval: 1m
    remote_timeout: 10s
    flush_deadline: 0
    job: a
    instance: b
    external_labels: {{site: c}}
    headers: {{X-Scope-OrgID: d}}
    proxy_url: http://127.0.0.1:3128
    queue_config: {{capacity: 4000, max_bytes: 1MiB, sample_age_limit: 30m, min_backoff: 100ms, max_backoff: 1s}}
"""
    (receiver,) = loaded(tmp_path, text).receivers.values()
    queue = receiver.queue_config
    assert (receiver.title, receiver.interval_s, receiver.remote_timeout_s) == ("central", 60, 10)
    assert (receiver.flush_deadline_s, receiver.job, receiver.instance) == (0, "a", "b")
    assert (queue.capacity, queue.max_bytes, queue.sample_age_limit_s) == (4000, 1 << 20, 1800)
    assert (queue.min_backoff_s, queue.max_backoff_s) == (0.1, 1)


def test_a_receiver_without_a_name_is_called_by_host_and_port(tmp_path):
    (receiver,) = loaded(tmp_path, f"remote_write: [{{url: '{URL}'}}]").receivers.values()
    assert receiver.title == "127.0.0.1:9090"


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ("name: a", "$.remote_write[0]: missing key url"),
        ("url: ftp://127.0.0.1/", "$.remote_write[0]: invalid URL 'ftp://127.0.0.1/': expected http or https"),
        (
            "url: 'http://u:hunter2@127.0.0.1/'",
            "$.remote_write[0]: invalid URL 'http://127.0.0.1/': expected no password",
        ),
        (f"url: '{URL}#x'", "$.remote_write[0]: url: expected no # part"),
        (
            f"url: '{URL}', proxy_url: 'http://u:hunter2@127.0.0.1/'",
            "invalid URL 'http://127.0.0.1/': expected no password",
        ),
        (f"url: '{URL}', interval: 0", "$.remote_write[0].interval: invalid duration 0: expected at least 100ms"),
        (
            f"url: '{URL}', external_labels: {{job: a}}",
            "invalid name 'job': expected for example site; use the key job",
        ),
        (f"url: '{URL}', external_labels: {{__x: a}}", "invalid name '__x': expected for example site"),
        (f"url: '{URL}', external_labels: {{a-b: a}}", "invalid name 'a-b': expected for example site"),
        (f"url: '{URL}', headers: {{Host: a}}", "the header Host is set by the exporter"),
        (f"url: '{URL}', headers: {{'a b': a}}", "invalid header name 'a b': expected for example X-Scope-OrgID"),
        (
            f"url: '{URL}', headers: {{a: \"x\\r\\nhunter2: 1\"}}",
            "the value of the header a has characters that no header",
        ),
        (f"url: '{URL}', headers: {{authorization: hunter2}}", "headers: authorization is a secret: put it in a file"),
        (f"url: '{URL}', basic_auth: {{username: 'a:b', password_file: p}}", "username: expected printable text"),
        (
            f"url: '{URL}', bearer_token_file: t, basic_auth: {{username: a, password_file: p}}",
            "give either bearer_token_file or basic_auth",
        ),
        (f"url: '{URL}', tls_config: {{ca_file: a}}", "tls_config: expected url to begin with https://"),
        ("url: 'https://127.0.0.1/', tls_config: {cert_file: a}", "give both cert_file and key_file, or neither"),
        (
            f"url: '{URL}', queue_config: {{capacity: 100}}",
            "capacity: expected at least twice max_samples_per_send, 4000",
        ),
        (f"url: '{URL}', queue_config: {{max_backoff: 1ms}}", "max_backoff: expected at least min_backoff"),
    ],
)
def test_what_cannot_be_is_refused_by_its_place(tmp_path, keys, complaint):
    with pytest.raises(ConfigError) as refused:
        loaded(tmp_path, f"remote_write: [{{{keys}}}]")
    assert "exporter.yml:1: $.remote_write[0]" in str(refused.value)
    assert complaint in str(refused.value)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        (
            "endpoint: 'http://127.0.0.1:4318'",
            "endpoint: expected the whole path, for example http://127.0.0.1:4318/v1/m",
        ),
        ("endpoint: 'http://u:hunter2@127.0.0.1:4318/v1/metrics'", "expected no password"),
        (
            "endpoint: 'http://a/v1/metrics', tls_config: {ca_file: a}",
            "tls_config: expected endpoint to begin with https://",
        ),
        (
            "endpoint: 'http://a/v1/metrics', resource_attributes: {service.name: a}",
            "resource_attributes: service.name is set by the key job",
        ),
        ("endpoint: 'http://a/v1/metrics', external_labels: {a: b}", "unknown key external_labels"),
    ],
)
def test_what_cannot_be_of_otlp_is_refused(tmp_path, keys, complaint):
    with pytest.raises(ConfigError) as refused:
        loaded(tmp_path, f"otlp: [{{{keys}}}]")
    assert "$.otlp[0]" in str(refused.value)
    assert complaint in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_two_receivers_of_one_name_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"duplicate receiver name 127.0.0.1:9090; give each a different `name`"):
        loaded(tmp_path, f"remote_write: [{{url: '{URL}'}}]\notlp: [{{endpoint: '{URL}'}}]")


@pytest.mark.parametrize(
    ("keys", "files", "complaint"),
    [
        ("bearer_token_file: t", {}, "t: No such file or directory"),
        ("bearer_token_file: t", {"t": "hunter2\nx\n"}, "t: expected one line"),
        ("basic_auth: {username: a, password_file: t}", {"t": ""}, "t: expected one line"),
        ("headers_file: t", {"t": "api-key hunter2\n"}, "t:1: expected at most 100 lines of the form `Name: value`"),
        ("headers_file: t", {"t": "Host: hunter2\n"}, "t: the header Host is set by the exporter"),
        ("headers_file: t", {"t": "a: b\n" * 101}, "t:101: expected at most 100 lines"),
        ("tls_config: {ca_file: t}", {}, "ca_file: t: No such file or directory"),
        ("tls_config: {ca_file: t}", {"t": "hunter2"}, "ca_file: t: expected certificates as PEM"),
        (
            "tls_config: {cert_file: t, key_file: t}",
            {"t": "hunter2"},
            "cert_file, key_file: t, t: expected a certificate",
        ),
    ],
)
def test_check_reads_the_files_that_a_receiver_names(check, tmp_path, keys, files, complaint):
    for name, content in files.items():
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o600)
    code, said = check(f"remote_write: [{{url: 'https://127.0.0.1:1/', {keys}}}]")
    assert code == 2
    assert f"exporter.yml: $.remote_write[0]: {complaint}" in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("address", "is_told"),
    [
        ("http://192.0.2.1:9090/w", True),
        ("http://receiver.example.org/w", True),
        ("https://192.0.2.1/w", False),
        ("http://127.0.0.1:9090/w", False),
        ("http://localhost/w", False),
        ("http://[::1]/w", False),
    ],
)
def test_a_token_that_anybody_on_the_way_could_read_is_warned_of(check, tmp_path, address, is_told):
    (tmp_path / "token").write_text("hunter2")
    (tmp_path / "token").chmod(0o600)
    code, said = check(f"remote_write: [{{url: '{address}', bearer_token_file: token}}]")
    assert code == 0
    assert ("$.remote_write[0]: its secrets go over plain http, readable on the way: use https" in said) == is_told


def test_a_receiver_without_secrets_is_not_warned_of(check):
    code, said = check("remote_write: [{url: 'http://192.0.2.1/w'}]")
    assert (code, "plain http" in said) == (0, False)


@pytest.mark.parametrize(
    ("key", "address", "extra"), [("remote_write", "url", "remote-write"), ("otlp", "endpoint", "otlp")]
)
def test_a_receiver_without_its_extra_says_in_one_line_which(check, monkeypatch, key, address, extra):
    monkeypatch.setattr("foundation.extras.find_spec", lambda name: None)
    code, said = check(f"{key}: [{{{address}: '{URL}'}}]")
    (line,) = said.strip().splitlines()
    assert code == 2
    assert line.endswith(
        f"exporter.yml: $.{key}[0]: needs the extra \"{extra}\": pip install '.[{extra}]' in a clone of Tidewatch"
    )


def test_every_key_and_every_reason_is_documented():
    text = (Path(__file__).resolve().parents[2] / "docs" / "push.md").read_text("utf-8")
    structs = (RemoteWrite, Otlp, Queue, BasicAuth, Tls)
    keys = {field.encode_name for struct in structs for field in msgspec.structs.fields(struct)}
    names = {metric.name for metric in every_metric() if metric.name.startswith("tidewatch_push_")}
    assert {word for word in (*keys, *names, *batches.REASONS, *answers.REASONS) if f"`{word}`" not in text} == set()


def test_the_documents_configuration_is_taken(tmp_path):
    text = (Path(__file__).resolve().parents[2] / "docs" / "push.md").read_text("utf-8")
    for number, block in enumerate(re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)):
        (tmp_path / str(number)).mkdir()
        assert loaded(tmp_path / str(number), block).receivers
