"""No command shows a user, a password or a token that stands in a URL, whatever else is wrong with it."""

import pytest

import dashboards.cli
import exporter.cli
import trafficgen.cli
from exporter.stats.collector import cli as collector
from foundation.page import web_link
from trafficgen.meter.meter import Meter

SECRET = "hunter2"
URLS = [
    "http://me:hunter2@127.0.0.1:1/",
    "http://hunter2@127.0.0.1:1/",
    "http://me:hunter2/x@127.0.0.1:1/",
    "http://me:hunter2@[::1/",
    "htp://me:hunter2@127.0.0.1:1/",
    "me:hunter2@127.0.0.1:1",
    "http://127.0.0.1:1/?access_token=hunter2 x",
]
FLAGS = [
    (collector.main, "--duration 0.1 --timeout 0.1 --url"),
    (trafficgen.cli.main, "--rps 1 --duration 0.1s --url"),
    (trafficgen.cli.main, "verify --calm 0 --fault 1 --after 0 --url"),
    (trafficgen.cli.main, "feed releases --duration 1s --rate nan --to"),
    (dashboards.cli.main, "query-all --prometheus"),
]


@pytest.fixture
def run(monkeypatch, capfd, tmp_path):
    """Runs a command; its exit code and all that it printed."""
    monkeypatch.chdir(tmp_path)

    def call(main, *args):
        monkeypatch.setattr("sys.argv", ["command", *args])
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = ended.code
        return code, "".join(capfd.readouterr())

    return call


@pytest.mark.parametrize("url", URLS, ids=range(len(URLS)))
@pytest.mark.parametrize(("main", "flags"), FLAGS, ids=[flags for _, flags in FLAGS])
def test_a_flag(run, main, flags, url):
    code, said = run(main, *flags.split(), url)
    assert code != 0
    assert said != ""
    assert SECRET not in said


@pytest.mark.parametrize("url", URLS, ids=range(len(URLS)))
@pytest.mark.parametrize(
    "config",
    [
        "stats: [{source: s, url: %s}]",
        "probe: {targets: [%s]}",
        "releases: [{source: s, http: %s}]",
        "remote_write: [{url: %s}]",
        "remote_write: [{url: 'http://127.0.0.1/', proxy_url: %s}]",
        "otlp: [{endpoint: %s}]",
    ],
    ids=["stats", "probe", "releases", "remote_write", "proxy", "otlp"],
)
def test_a_key(run, tmp_path, config, url):
    (tmp_path / "exporter.yml").write_text(config % f"'{url}'")
    _, said = run(exporter.cli.main, "check", "exporter.yml")
    assert "exporter.yml" in said
    assert SECRET not in said


def test_a_header(run):
    code, said = run(trafficgen.cli.main, "--url", "http://127.0.0.1:1/", "--rps", "1", "--header", "Auth hunter2")
    assert (code, SECRET in said) == (2, False)


def test_a_label():
    meter = Meter(("/a?token=hunter2", "/a?token=hunter3", "/b?x=1"))
    assert meter.targets == ("/a?token=...", "/a?token=...#2", "/b?x=1")


@pytest.mark.parametrize("url", ["http://me:hunter2@h/x", "https://h/?token=hunter2"])
def test_a_link(url):
    assert web_link(url).startswith(url[:5])
    assert SECRET not in web_link(url)
