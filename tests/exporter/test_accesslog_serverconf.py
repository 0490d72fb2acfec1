"""The formats in servers' configurations, and what `infer` makes of them."""

from contextlib import suppress
from functools import partial

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.accesslog.formats.strings.squid import BUILTIN
from exporter.accesslog.infer import fit as fit_format
from exporter.accesslog.serverconf import read_server_config
from exporter.accesslog.serverconf.read import FILES, _included
from foundation.errors import ConfigError

NGINX = r"""
user www-data;  # log_format none 'of this';
events { worker_connections 768; }
http {
    include mime.types;
    log_format timed escape=default '$remote_addr [$time_local] "$request" '
                                    '$status $body_bytes_sent $request_time';
    access_log /var/log/nginx/access.log;
    include conf.d/*.conf;
    include /elsewhere/*.conf;
    include ../out.conf;
}
"""
SITE = r"""
server {
    access_log /var/log/nginx/shop-$host.log timed buffer=32k;
    access_log syslog:server=unix:/dev/log timed;
    access_log off;
    location / { content_by_lua_block { ngx.say("it's") } }
}
"""
APACHE = r"""
ServerRoot "/etc/apache2"
<IfModule log_config_module>
  LogFormat "%h %l %u %t \"%r\" %>s %O \
%D" timed
</IfModule>
# LogFormat "%h" none
IncludeOptional sites-enabled/
TransferLog logs/transfer_log
"""
VHOST = 'CustomLog ${APACHE_LOG_DIR}/shop.log timed\nCustomLog "|/usr/bin/rotatelogs x 86400" timed\n'
HAPROXY = r"""
defaults
    option httplog
frontend fe
    log-format "%ci:%cp [%tr] %ft %ST %B %{+Q}r"
"""
TIMED = '$remote_addr [$time_local] "$request" $status $body_bytes_sent $request_time'


CADDYFILE = r"""
example.org {
    log {
        output file /var/log/caddy/a.log
        format transform `{ts} {request>method} {request>uri} {status}` {
            time_format iso8601
        }
    }
    log other { format json }
}
"""
LOGGING_YAML = r"""
logging:
  formats:
    - name: mine
      format: '%<chi> %<cqhm> %<cquc> %<pssc>'
    - name: sums
      format: '%<COUNT(*)>'
  logs:
    - filename: shop
      format: mine
"""


def written(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture
def nginx(tmp_path):
    written(tmp_path, {"out.conf": "log_format out '$status';"})
    return written(tmp_path / "nginx", {"nginx.conf": NGINX, "conf.d/site.conf": SITE}) / "nginx.conf"


def test_nginx_includes_are_followed_within_the_folder(nginx):
    config = read_server_config(nginx)
    assert config.formats == {"timed": TIMED}
    assert [(log.path, log.format) for log in config.logs] == [
        ("/var/log/nginx/access.log", "combined"),
        ("/var/log/nginx/shop-$host.log", "timed"),
    ]


@pytest.mark.parametrize(
    ("log", "want"),
    [
        ("/var/log/nginx/access.log", ["combined"]),
        ("/var/log/nginx/access.log.1", ["combined"]),
        ("/var/log/nginx/access.log-20260901.gz", ["combined"]),
        ("/var/log/nginx/shop-example.org.log", [TIMED]),
        ("/elsewhere/access.log", []),
        ("/var/log/nginx/other.log", []),
    ],
)
def test_the_format_is_that_of_the_log(nginx, log, want):
    assert read_server_config(nginx).named_for(log) == want


def test_apache_directives_with_continued_lines_variables_and_folders(tmp_path):
    folder = written(tmp_path, {"apache2.conf": APACHE, "sites-enabled/shop.conf": VHOST})
    config = read_server_config(folder / "apache2.conf")
    assert config.formats == {"timed": '%h %l %u %t "%r" %>s %O %D'}
    assert config.named_for("/var/log/apache2/shop.log") == [config.formats["timed"]]
    assert [(log.path, log.format) for log in config.logs] == [
        ("logs/transfer_log", "common"),
        ("${APACHE_LOG_DIR}/shop.log", "timed"),
    ]


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    written(
        tmp_path, {"out.conf": "log_format out '$status';", "in/nginx.conf": "http { include a.conf; access_log a; }"}
    )
    (tmp_path / "in" / "a.conf").symlink_to("../out.conf")
    assert read_server_config(tmp_path / "in" / "nginx.conf").formats == {}
    assert list(_included(tmp_path / "in", "../*.conf")) == []


def test_haproxy_formats(tmp_path):
    config = read_server_config(written(tmp_path, {"haproxy.cfg": HAPROXY}) / "haproxy.cfg")
    assert config.every() == ["haproxy", "%ci:%cp [%tr] %ft %ST %B %{+Q}r"]


def test_files_that_include_each_other_end(tmp_path):
    folder = written(
        tmp_path, {"nginx.conf": "http { include *.conf; access_log a.log; }", "b.conf": "include nginx.conf;"}
    )
    assert len(read_server_config(folder / "nginx.conf").logs) == 1


def test_the_number_of_files_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr("exporter.accesslog.serverconf.read.FILES", 3)
    assert FILES > 3
    text = "log_format f{} '$status';"
    written(tmp_path, {"nginx.conf": "http { include c/*.conf; }"})
    written(tmp_path, {f"c/{number}.conf": text.format(number) for number in range(9)})
    assert len(read_server_config(tmp_path / "nginx.conf").formats) == 2


@given(st.text(st.sampled_from("{}'\";#\\\n $a"), max_size=40))
def test_a_broken_configuration_is_no_crash(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "fuzzed.conf"
    for start in ("http {", "frontend a\n", ""):
        path.write_text(start + "\nlog_format a '$status';\n" + text)
        try:
            read_server_config(path)
        except ConfigError:
            continue


@pytest.mark.parametrize(("text", "want"), [("hello", "no log_format, access_log"), (None, "No such file")])
def test_what_is_no_configuration_is_said(tmp_path, text, want):
    path = tmp_path / "a.conf"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=want):
        read_server_config(path)


@pytest.fixture
def infer(run):
    return partial(run, "infer")


TIMED_LINES = "".join(
    f'192.0.2.{i} [26/Nov/2026:05:06:27 +0000] "GET /a HTTP/1.1" 200 5 0.00{i}\n' for i in range(1, 9)
)
COMMON_LINES = "".join(f'192.0.2.{i} - - [26/Nov/2026:05:06:27 +0000] "GET /a HTTP/1.1" 200 5\n' for i in range(1, 9))


def test_infer_takes_the_format_of_the_configuration_that_fits(infer, nginx, tmp_path):
    log = tmp_path / "copied.log"
    log.write_text(TIMED_LINES)
    code, out, err = infer(log, "--server-config", nginx)
    assert (code, err) == (0, "")
    assert f"  format: {TIMED}\n" in out.replace("'", "")
    log.write_text(COMMON_LINES)
    code, out, err = infer(log, "--server-config", nginx)
    assert (code, out) == (2, "")
    assert err.startswith(f"exporter: {log}: none of the formats in {nginx} fits its lines; the best one fits ")


def test_infer_writes_a_file_once(infer, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "access.log").write_text(COMMON_LINES)
    code, out, err = infer("access.log", "--output", "exporter.yml")
    assert (code, out, err) == (0, "", "exporter.yml: written; next: exporter check exporter.yml\n")
    text = (tmp_path / "exporter.yml").read_text()
    assert "state_dir" not in text  # the same everywhere without it, and a service has its own
    code, _, err = infer("access.log", "--output", "exporter.yml", "--format", "json")
    assert (code, "overwrite it with --force" in err) == (2, True)
    assert (tmp_path / "exporter.yml").read_text() == text
    assert infer("access.log", "--output", "exporter.yml", "--format", "common", "--force")[0] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["access.log", "exporter.yml"]


@pytest.mark.parametrize(
    ("more", "tail", "want"),
    [
        (("--format", "common"), "", "  format: common\n"),
        (("--format", "common-timed", "--time-unit", "ms"), " 7", "  time_unit: ms\n"),
    ],
)
def test_infer_takes_what_is_known(infer, tmp_path, more, tail, want):
    (tmp_path / "access.log").write_text(COMMON_LINES.replace("\n", f"{tail}\n"))
    code, out, err = infer(tmp_path / "access.log", *more)
    assert (code, err) == (0, "")
    assert want in out


@settings(max_examples=30)
@given(st.lists(st.booleans(), min_size=1, max_size=12))
def test_a_format_that_is_named_and_fits_too_few_lines_is_refused_with_the_first(fits):
    data = "".join('a - - [x] "GET / HTTP/1.1" 200 5\n' if fit else "bad\x1b\n" for fit in fits).encode()
    guess = fit_format(data, "common")
    assert bool(guess.misfit) == (sum(fits) < len(fits) / 2)
    if guess.misfit:
        first = fits.index(False) + 1
        want = rf"{sum(fits)} of {len(fits)} lines fit the format; the first that does not: line {first}: bad\x1b"
        assert guess.misfit == want


@pytest.mark.parametrize(
    ("format_", "data", "want"),
    [
        ("json", COMMON_LINES, "0 of 8 lines fit the format; the first that does not: line 1: 192.0.2.1 - -"),
        ("pino", '{"msg": "up"}\n' * 3, 'none of the 3 lines is a request in the format; the first: {"msg": "up"}'),
    ],
)
def test_infer_writes_nothing_in_a_format_that_does_not_fit(infer, tmp_path, format_, data, want):
    log, output = tmp_path / "access.log", tmp_path / "exporter.yml"
    log.write_text(data)
    code, out, err = infer(log, "--format", format_, "--output", output)
    assert (code, out, output.exists()) == (2, "", False)
    assert err.startswith(f"exporter: --input-format: {log}: {want}")


@pytest.mark.parametrize(
    ("format_", "data"), [("common", ""), ("w3c", "#Version: 1.0\n#Fields: date time sc-status\n")]
)
def test_a_log_without_requests_yet_takes_any_format_that_is_named(infer, tmp_path, format_, data):
    (tmp_path / "access.log").write_text(data)
    assert infer(tmp_path / "access.log", "--format", format_)[0] == 0


def test_infer_takes_the_format_from_one_place(infer, nginx, tmp_path):
    (tmp_path / "access.log").write_text(COMMON_LINES)
    code, out, err = infer(tmp_path / "access.log", "--format", "common", "--server-config", nginx)
    assert (code, out, "--server-config: cannot be used with --input-format" in err) == (2, "", True)


def test_infer_names_the_flag_that_it_has_and_the_first_line(infer, tmp_path):
    (tmp_path / "access.log").write_bytes(b"junk\x1b\n")
    code, _, err = infer(tmp_path / "access.log")
    assert (
        code,
        err.endswith("name it with --input-format, as a format string or regex; the first line: junk\\x1b\n"),
    ) == (
        2,
        True,
    )
    assert infer(tmp_path / "access.log", "--format", "combind")[2].startswith(
        "exporter: --input-format: format 'combind'"
    )


SQUID = """
http_port 3128
# logformat none %>Hs
logformat timed %tl "%rm %ru HTTP/%rv" %>Hs %<st %6tr
access_log daemon:/var/log/squid/timed.log logformat=timed
access_log stdio:/var/log/squid/access.log squid
access_log udp://192.0.2.1:514 timed
access_log none
include conf.d/*.conf
"""
LIGHTTPD = r"""
server.modules += ( "mod_accesslog" )
accesslog.filename = "/var/log/lighttpd/access.log"
accesslog.format = "%h %V %u %t \"%r\" %>s %b %D"
include "conf.d/*.conf"
"""
TOMCAT = """<Server><!-- <Valve className="x.AccessLogValve" pattern="common"/> -->
<Valve className="org.apache.catalina.valves.AccessLogValve" directory="logs"
       prefix="site." suffix=".txt" pattern="%h %l %u %t &quot;%r&quot; %s %b" /></Server>"""
ENVOY = r"""
static_resources:
  listeners:
  - access_log:
    - name: envoy.access_loggers.file
      typed_config:
        path: /var/log/envoy.log
        log_format:
          text_format_source: {inline_string: "%REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE% %DURATION%\n"}
    - name: envoy.access_loggers.stdout
      typed_config: {log_format: {json_format: {code: "%RESPONSE_CODE%", verb: "%REQ(:METHOD)%"}}}
"""
GUNICORN = """
bind = ':80'
accesslog = '-'
access_log_format = ('%(h)s "%(r)s" '
                     '%(s)s %(b)s %(D)s')
"""
UNIT = r"""[Service]
ExecStart=/usr/bin/varnishncsa -a -w /var/log/varnish/varnishncsa.log \
  -F '%%h %%t "%%r" %%s %%b %%D'
"""
CLF = '192.0.2.1 - - [26/Nov/2026:05:06:27 +0000] "GET /a HTTP/1.1" 200 5'


@pytest.mark.parametrize(
    ("text", "line", "want"),
    [
        (
            SQUID,
            '26/Nov/2026:05:06:27 +0000 "GET http://h/a HTTP/1.1" 200 5    307',
            "logformat timed %tl",
        ),
        (SQUID, "1795669587.918      7 192.0.2.1 TCP_MISS/200 5 GET http://h/a - NONE/- -", "squid"),
        (LIGHTTPD, f"{CLF.replace(' - -', ' h -')} 307", '%h %V %u %t "%r" %>s %b %D'),
        (TOMCAT, CLF, "<Valve className="),
        (ENVOY, "GET /a 200 307", "%REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE% %DURATION%"),
        (ENVOY, '{"verb":"GET","code":200}', '{"code": "%RESPONSE_CODE%"'),
        ("meshConfig: {accessLogFormat: '%REQ(:PATH)% %RESPONSE_CODE%'}", "/a 200", "%REQ(:PATH)%"),
        (GUNICORN, '192.0.2.1 "GET /a HTTP/1.1" 200 5 307', '%(h)s "%(r)s" %(s)s %(b)s %(D)s'),
        (UNIT, f"{CLF.replace(' - -', '')} 307", '%h %t "%r" %s %b %D'),
    ],
)
def test_the_format_is_found_in_the_configuration_of_each_server(infer, tmp_path, text, line, want):
    (tmp_path / "a.conf").write_text(text)
    (tmp_path / "a.log").write_text(f"{line}\n" * 3)
    code, out, err = infer(tmp_path / "a.log", "--server-config", tmp_path / "a.conf")
    assert (code, err) == (0, "")
    assert yaml.safe_load(out)["accesslog"][0]["format"].startswith(want)
    assert "# 100% of the first 3 lines fit" in out


def test_squid_and_tomcat_name_the_format_of_each_log(tmp_path):
    written(tmp_path, {"squid.conf": SQUID, "conf.d/a.conf": "access_log /var/log/squid/old.log common all\n"})
    config = read_server_config(tmp_path / "squid.conf")
    assert config.named_for("/var/log/squid/timed.log.1") == ['logformat timed %tl "%rm %ru HTTP/%rv" %>Hs %<st %6tr']
    assert config.named_for("/var/log/squid/access.log") == ["squid"]
    assert config.named_for("/var/log/squid/old.log") == [BUILTIN["common"]]
    written(tmp_path, {"server.xml": TOMCAT})
    assert len(read_server_config(tmp_path / "server.xml").named_for("/opt/tomcat/logs/site.2026-11-26.txt")) == 1


@pytest.mark.parametrize(
    "sign", ["AccessLogValve", "varnishncsa -F", "access_log_format =", "json_format:", "http_port"]
)
@given(text=st.text(st.sampled_from("{}[]'\"<>=#\\\n $a%&*:-"), max_size=40))
def test_a_broken_configuration_of_any_server_is_no_crash(tmp_path_factory, sign, text):
    path = tmp_path_factory.getbasetemp() / "fuzzed.conf"
    path.write_text(f"{sign} {text}")
    with suppress(ConfigError):
        read_server_config(path)


def test_a_tree_of_aliases_takes_no_longer_than_its_text(tmp_path):
    aliases = "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}, *a{i - 1}]\n" for i in range(1, 60))
    (tmp_path / "envoy.yaml").write_text(f"a0: &a0 {{text_format: '%RESPONSE_CODE%'}}\n{aliases}")
    assert read_server_config(tmp_path / "envoy.yaml").every() == ["%RESPONSE_CODE%", "envoy"]


def test_a_part_of_a_site_may_have_a_format_of_its_own(infer, tmp_path):
    log = tmp_path / "shop.log"
    log.write_text(f"{CLF}\n" * 3)
    part = '$HTTP["host"] == "shop" {\naccesslog.format = "%h %l %u %t \\"%r\\" %s %b"\n'
    (tmp_path / "lighttpd.conf").write_text(f'{LIGHTTPD}{part}accesslog.filename = "{log}"\n}}\n')
    assert "%h %l %u %t" in infer(log, "--server-config", tmp_path / "lighttpd.conf")[1]
    assert read_server_config(tmp_path / "lighttpd.conf").named_for("/var/log/lighttpd/access.log") == [
        '%h %V %u %t "%r" %>s %b %D'
    ]


def test_templates_of_a_caddyfile_are_found(tmp_path):
    (tmp_path / "Caddyfile").write_text(CADDYFILE)
    template = "format transform `{ts} {request>method} {request>uri} {status}`"
    assert list(read_server_config(tmp_path / "Caddyfile").every()) == [template, "caddy"]
    assert fit_format(b"2026-11-22T06:30:48Z GET /a 200\n", template).fits == 1.0


def test_formats_and_logs_of_traffic_server_are_found(tmp_path):
    (tmp_path / "logging.yaml").write_text(LOGGING_YAML)
    config = read_server_config(tmp_path / "logging.yaml")
    assert config.formats["mine"] == "%<chi> %<cqhm> %<cquc> %<pssc>"
    assert set(config.formats) == {"squid", "common", "extended", "mine", "sums"}
    assert list(config.named_for("/var/log/trafficserver/shop.log")) == ["%<chi> %<cqhm> %<cquc> %<pssc>"]
    with pytest.raises(ValueError, match="Traffic Server"):
        fit_format(b"", "%<pssc> %<COUNT(*)>")
