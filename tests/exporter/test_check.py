"""`exporter check` finds what the daemon would find at its start in every file that it would read."""

from pathlib import Path

import pytest

from exporter.check import check_files
from exporter.daemon import Options
from foundation.errors import ConfigError

HASH = "$2b$04$abcdefghijklmnopqrstuu5s7wK0Iy2P6lF0N1H1I1x1rYqJq6x2K"


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Writes files, private ones, in the working directory."""
    monkeypatch.chdir(tmp_path)

    def write(**contents):
        for name, content in contents.items():
            path = tmp_path / name
            path.write_text(content)
            path.chmod(0o600)
        return Options(config_file=Path("exporter"), web_config_file=Path("web") if "web" in contents else None)

    return write


CREDENTIALS = "probe: {targets: ['http://a/'], modules: {m: {credentials: {targets: ['http://a/'], %s}}}}"


@pytest.mark.parametrize(
    ("contents", "complaint"),
    [
        ({"exporter": "", "web": "basic_auth_users: {a: $2b$04$short}"}, "web:1: $: basic_auth_users: a: truncated"),
        (
            {"exporter": "", "web": "tls_server_config: {cert_file: c, key_file: k}"},
            "web: $.tls_server_config.cert_file: c",
        ),
        ({"exporter": "", "web": "allowed_hosts: ['a:1']"}, "web:1: $: invalid host 'a:1'"),
        ({"exporter": "", "web": "allowed: [a]"}, "web:1: $: unknown key allowed"),
        (
            {"exporter": "stores: [{source: s}, {source: t, web_config_file: none}]"},
            "exporter: $.stores[1].web_config_file: none: No such file or directory",
        ),
        (
            {"exporter": "releases: [{source: r, paths: [x], web_config_file: w}]", "w": "rate_limit: {interval: 1s}"},
            "exporter: $.releases[0].web_config_file: w:1: $.rate_limit: rate_limit with an interval needs burst",
        ),
        (
            {"exporter": "releases: [{source: r, paths: [x], token_file: t}]", "t": "a\nb\n"},
            "exporter: $.releases[0].token_file: t: expected one line",
        ),
        (
            {"exporter": CREDENTIALS % "token_file: t"},
            "exporter: $.probe.modules.m.credentials: t: No such file or directory",
        ),
        (
            {"exporter": CREDENTIALS % "username: u, password_file: p", "p": ""},
            "exporter: $.probe.modules.m.credentials: p: expected one line",
        ),
        (
            {"exporter": "releases: [{source: r, tcp: '127.0.0.1:0'}]", "web": f"basic_auth_users: {{a: {HASH}}}"},
            "exporter: $.releases[0].tcp: the web configuration has users",
        ),
    ],
)
def test_a_file_that_the_daemon_could_not_use_is_a_problem(files, contents, complaint):
    with pytest.raises(ConfigError) as caught:
        check_files(files(**contents))
    assert str(caught.value).startswith(complaint)


def test_every_problem_has_a_line(files):
    options = files(exporter=CREDENTIALS % "token_file: t" + "\nstores: [{source: s, web_config_file: n}]", web="a: b")
    with pytest.raises(ConfigError) as caught:
        check_files(options)
    assert [line.split(": ")[0] for line in str(caught.value).splitlines()] == ["web:1", "exporter", "exporter"]


def test_what_is_right_is_left_as_it_is(files, tmp_path, caplog):
    contents = {
        "exporter": CREDENTIALS % "token_file: t" + "\nstores: [{source: s, web_config_file: web}]",
        "web": f"basic_auth_users: {{a: {HASH}}}",
        "t": "s3cret",
    }
    config = check_files(files(**contents))
    assert [source.source for source in config.stores] == ["s"]
    assert {path.name for path in tmp_path.iterdir()} == {"exporter", "web", "t"}
    assert caplog.text == ""


@pytest.mark.parametrize("name", ["web", "t"])
def test_a_secret_that_others_may_read_is_warned_of(files, tmp_path, caplog, name):
    options = files(exporter=CREDENTIALS % "token_file: t", web=f"basic_auth_users: {{a: {HASH}}}", t="s3cret")
    (tmp_path / name).chmod(0o640)
    check_files(options)
    assert caplog.text.count(f"{name} holds secrets, and others may read it (mode 640)") == 1


SITE = "stats: [{source: s, url: 'http://127.0.0.1:1/'}]\n"


@pytest.mark.parametrize(
    ("config", "want"),
    [
        ("", ["exporter: has no source, such as accesslog: nothing would be measured"]),
        ("probe: {targets: ['http://a/']}", []),
        (SITE, []),
        (SITE + "state_dir: new/folder", []),
        (SITE + "state_dir: exporter/below", ["exporter: $.state_dir: exporter is not a directory"]),
        (SITE + "state_dir: exporter", ["exporter: $.state_dir: exporter is not a directory"]),
    ],
    ids=["empty", "probe-alone", "a-source", "to-be-made", "below-a-file", "a-file"],
)
def test_what_is_valid_and_hardly_wanted_is_a_warning(files, caplog, config, want):
    check_files(files(exporter=config))
    assert [record.getMessage() for record in caplog.records] == want


def test_a_state_dir_that_this_user_cannot_write_is_a_warning(files, caplog, monkeypatch):
    """Root may write everywhere, so the answer of the system is replaced."""
    monkeypatch.setattr("os.access", lambda path, _: Path(path) != Path("full"))
    Path("full").mkdir()
    check_files(files(exporter=SITE + "state_dir: full/state"))
    assert [record.getMessage() for record in caplog.records] == [
        "exporter: $.state_dir: this user cannot write to full; the exporter's user must be able to"
    ]
