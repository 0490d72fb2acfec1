"""What the batch tools do with lines in envelopes, from the command line."""

import json

import pytest
import yaml

from exporter.accesslog.infer import infer
from exporter.accesslog.proposal import propose

TAB = "192.0.2.1\tGET /users/7\t200\t5"
COMBINED = '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 5 "-" "curl"'


def docker(text, second=0, stream="stdout"):
    return json.dumps({"log": text, "stream": stream, "time": f"2026-11-22T06:30:{second:02}.5Z"}) + "\n"


@pytest.mark.parametrize(
    ("lines", "want"),
    [
        ([docker(f"{COMBINED}\n")] * 3 + [docker("starting\n", stream="stderr")], ("combined", "docker")),
        ([docker(f"{TAB}\n", stream="stderr")], ("tab", "docker")),
        ([f"2026-11-22T06:30:48Z stdout F {COMBINED}\n"], ("combined", "cri")),
        ([f"2026-11-22T06:30:48Z stdout P {COMBINED[:40]}\n", f"2026-11-22T06:30:48Z stdout F {COMBINED[40:]}\n"],
         ("combined", "cri")),
        ([f"Nov 22 06:30:48 web nginx: {COMBINED}\n"], ("combined", "syslog")),
        ([json.dumps({"MESSAGE": TAB, "__REALTIME_TIMESTAMP": "1764225048000000"}) + "\n"], ("tab", "journal")),
        ([f"{COMBINED}\n"], ("combined", None)),
    ],
    ids=["docker", "all-on-stderr", "cri", "parts", "syslog", "journal", "none"],
)  # fmt: skip
def test_the_format_inside_and_its_envelope_are_guessed(lines, want):
    data = "".join(lines).encode()
    guess = infer(data)
    assert (guess.format, guess.envelope, guess.fits) == (*want, 1.0)
    (source,) = yaml.safe_load(propose("/var/log/a.log", data, guess))["accesslog"]
    assert (source["format"], source.get("envelope")) == want


EITHER = json.dumps(
    {
        "log": f"{COMBINED}\n",
        "stream": "stdout",
        "time": "2026-11-22T06:30:48Z",
        "method": "PUT",
        "path": "/b",
        "status": 201,
    }
)


@pytest.mark.parametrize("named", [(), ("--format", "json"), ("--format", "combined")])
@pytest.mark.parametrize(
    ("envelope", "want"),
    [("auto", ("combined", "docker")), ("docker", ("combined", "docker")), ("none", ("json", "none"))],
)
def test_infer_takes_the_envelope_from_the_user(run, tmp_path, envelope, want, named):
    (tmp_path / "a.log").write_text(f"{EITHER}\n" * 3)
    code, out, err = run("infer", tmp_path / "a.log", "--envelope", envelope, *named)
    if named and envelope != "auto" and named[1] != want[0]:  # inside of that envelope it does not fit
        assert (code, out, "0 of 3 lines fit the format; the first that does not: line 1: " in err) == (2, "", True)
        return
    (source,) = yaml.safe_load(out)["accesslog"]
    assert (code, err, source["format"]) == (0, "", named[1] if named else want[0])
    if envelope != "auto":
        assert source["envelope"] == want[1]


def test_infer_says_that_no_line_is_in_the_envelope(run, tmp_path):
    (tmp_path / "a.log").write_text(f"{COMBINED}\n")
    note = "# None of the first lines is in the envelope cri.\n"
    out = run("infer", tmp_path / "a.log", "--envelope", "cri")[1]
    assert (note in out, "  envelope: cri\n" in out) == (True, True)
    (tmp_path / "a.log").write_text(f"2026-11-22T06:30:48Z stdout F {COMBINED}\n")
    assert note not in run("infer", tmp_path / "a.log", "--envelope", "cri")[1]


@pytest.mark.parametrize(("envelope", "path"), [("auto", "/a"), ("docker", "/a"), ("none", "/b")])
def test_a_format_is_guessed_inside_of_the_envelope_that_is_named(run, tmp_path, envelope, path):
    (tmp_path / "a.log").write_text(f"{EITHER}\n" * 3)
    code, out, _ = run("summary", tmp_path / "a.log", "--envelope", envelope, "--json")
    assert (code, [one["route"] for one in json.loads(out)["requests"]]) == (0, [path])


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/var/log/pods/shop_web-7d9f8c6b5-x2x9z_1f0c-uid/nginx/0.log", "shop-web-nginx"),
        ("/var/log/pods/shop_db-0_1f0c/db/3.log", "shop-db"),
        (f"/var/log/containers/web-7d9f8c6b5-x2x9z_shop_nginx-{'0a' * 32}.log", "shop-web-nginx"),
        (f"/var/lib/docker/containers/{'0a' * 32}/{'0a' * 32}-json.log", "docker-0a0a0a0a0a0a"),
        ("/var/log/nginx/access.log", "access"),
    ],
)
def test_a_source_is_named_after_its_pod_or_container(path, name):
    data = docker(f"{COMBINED}\n").encode()
    text = propose(path, data, infer(data))
    assert yaml.safe_load(text)["accesslog"][0]["source"] == name
    assert ("web-*_*/nginx/*.log" in text) == ("/pods/shop_web" in path)


def test_backfill_takes_the_envelopes_time_where_the_line_has_none(run, tmp_path):
    log = tmp_path / "x-json.log"
    parts = docker(TAB[:12], 30) + docker(f"{TAB[12:]}\n", 31)
    log.write_text(docker(f"{TAB}\n", 1) + parts + docker("oops\n", 32, "stderr") + docker(TAB, 50))
    code, out, err = run("backfill", log, "--format", "tab", "--step", "10s")
    assert (code, err) == (0, "")
    totals = [line.split()[1:] for line in out.splitlines() if line.startswith("tidewatch_http_requests_total")]
    changes = zip((0, 1, 1, 2, 2, 3), (0, 10, 30, 40, 50, 60), strict=True)
    assert totals == [[str(n), str(1795329000 + at)] for n, at in changes]


def test_an_envelope_can_be_named_and_refused(run, tmp_path):
    log = tmp_path / "a.log"
    log.write_text(docker(f"{COMBINED}\n") + docker(COMBINED))
    for envelope, bad in (("auto", 0), ("docker", 0), ("none", 2), ("cri", 2)):
        code, out, _ = run("summary", "--json", "--format", "combined", "--envelope", envelope, log)
        assert (code, sum(json.loads(out)["failed"].values())) == (2 if bad else 0, bad), envelope
    assert run("summary", "--envelope", "zip", log)[0] == 2


def test_explain_says_what_became_of_parts_and_of_the_standard_error(run, tmp_path):
    log = tmp_path / "0.log"
    log.write_text(
        f"2026-11-22T06:30:48Z stderr F hello\n2026-11-22T06:30:48Z stdout P {COMBINED[:40]}\n"
        f"2026-11-22T06:30:48Z stdout F {COMBINED[40:]}\n"
    )
    code, out, _ = run("explain", log)
    assert code == 0
    wanted = ["the envelope: cri", "standard error", "a part of a line", "path=/a"]
    found = [out.index(text) for text in wanted]
    assert found == sorted(found)
