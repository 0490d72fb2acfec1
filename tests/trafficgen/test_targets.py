"""Files of targets in each form, and what is said of one that is wrong: file, line, what would be right."""

import json
import re

import pytest

from foundation.errors import ConfigError
from trafficgen.config import LoadConfig
from trafficgen.meter.metrics import RunCollector
from trafficgen.options import chosen_targets, chosen_url
from trafficgen.plan.patterns import parse_patterns
from trafficgen.plan.plan import Phase
from trafficgen.report.render_text import render_text
from trafficgen.run import make_plan, make_run, run_load
from trafficgen.send.rendered import make_requests
from trafficgen.send.request import parse_url
from trafficgen.targets.data import read_columns
from trafficgen.targets.headers import read_headers
from trafficgen.targets.read import read_targets


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "users.csv").write_text('email,name\nann@example.com,"Ann ""A"""\nbob+x@example.com,Bob & Ü\n')
    (tmp_path / "order.json").write_text('{"id": "{uuid}"}')
    (tmp_path / "token").write_text("s3cret\n")
    (tmp_path / "token").chmod(0o600)
    return tmp_path


def read(folder, text, name="targets.yml", environment=None):
    (folder / name).write_text(text)
    return read_targets(folder / name, environment or {})


def sent(targets, *, seed=1, duration_s=1.0, workers=1, **settings):
    """Each request of a plan of 50, by its number."""
    phases = (Phase(pattern=parse_patterns((), 50.0), duration_s=duration_s),)
    config = LoadConfig(url="http://h/", phases=phases, targets=targets, **settings)
    plan = make_plan(config, seed)
    requests = make_requests(config, plan, parse_url(config.url)).by_number
    due = [
        pair
        for worker in range(workers)
        for chunk in plan.chunks(worker, workers)
        for pair in zip(chunk.due_ns, chunk.requests, strict=True)
    ]
    return [requests[number].decode() for _, number in sorted(due)]


YAML = """\
targets:
  - GET /
  - path: /users/{random 1 1000}?e={csv:users.csv:email}
    weight: 2
  - name: order
    method: post
    path: /orders
    headers: {Content-Type: application/json, Authorization: "Bearer ${env:TOKEN}"}
    body: '{"n": "{csv:users.csv:name}", "id": "{uuid}", "x": "{{uuid}}"}'
"""


def test_yaml_has_methods_weights_headers_bodies_and_fields(folder):
    targets = read(folder, YAML, environment={"TOKEN": "t0"})
    assert [(t.name, t.method, t.weight) for t in targets.targets] == [
        ("/", "GET", 1),
        ("/users/{random 1 1000}?e={csv:users.csv:email}", "GET", 2),
        ("order", "POST", 1),
    ]
    requests = sent(targets)
    assert sum(r.startswith("GET /users/") for r in requests) > 15
    assert {r.split("e=")[1].split()[0] for r in requests if "/users/" in r} == {
        "ann%40example.com",
        "bob%2Bx%40example.com",
    }
    orders = [r.partition("\r\n\r\n") for r in requests if r.startswith("POST /orders HTTP/1.1\r\n")]
    for head, _, body in orders:
        assert "\r\nAuthorization: Bearer t0" in head
        assert f"Content-Length: {len(body.encode())}" in head
        assert json.loads(body)["x"] == "{uuid}"
    assert {json.loads(body)["n"] for _, _, body in orders} == {'Ann "A"', "Bob & Ü"}


@pytest.mark.parametrize("workers", [2, 3, 7])
def test_request_n_is_the_same_however_many_workers_send_the_plan(folder, workers):
    targets = read(folder, YAML, environment={"TOKEN": "t0"})
    assert sent(targets, workers=workers) == sent(targets)
    assert sent(targets, seed=2) != sent(targets)


def test_requests_are_numbered_through_the_whole_plan(folder):
    requests = sent(read(folder, "targets: ['/{seq}', 'POST /{seq}']"), duration_s=4.0)
    assert [int(r.split()[1][1:]) for r in requests] == list(range(1, 201))


def test_weights_are_kept(folder):
    requests = sent(
        read(folder, "targets: [{path: /a, weight: 3}, {path: /b}, {path: /never, weight: 0}]"), duration_s=40
    )
    shares = [sum(r.startswith(f"GET {path} ") for r in requests) / len(requests) for path in ("/a", "/b", "/never")]
    assert shares == [pytest.approx(0.75, abs=0.03), pytest.approx(0.25, abs=0.03), 0]


def test_csv_is_a_line_for_each_target(folder):
    text = (
        "\ufeffmethod,path,weight,name,body,body_template,header:Content-Type\n"
        'GET,/,,,,,\nPOST,/orders,9,order,"{""id"": ""{seq}""}",,application/json\nPUT,/o,0,,,order.json,text/plain\n'
    )
    targets = read(folder, text, "targets.csv").targets
    assert [(t.name, t.weight) for t in targets] == [("/", 1), ("order", 9), ("PUT /o", 0)]
    assert any('{"id": "7"}' in r for r in sent(read(folder, text, "targets.csv")))


def test_vegetas_form_has_headers_and_files_that_are_sent_as_they_are(folder):
    text = (
        "# a comment\nGET http://127.0.0.1:1/a?b=c\n\n"
        "POST http://127.0.0.1:1/orders\nX-One: 1\nX-Two: a: b\n@order.json\n"
        "GET http://127.0.0.1:1\nX-Three: 3\n"
    )
    targets = read(folder, text, "targets.txt")
    assert targets.origin == "http://127.0.0.1:1"
    assert [(t.method, "".join(t.path)) for t in targets.targets] == [
        ("GET", "/a?b=c"),
        ("POST", "/orders"),
        ("GET", "/"),
    ]
    post = next(r for r in sent(targets) if r.startswith("POST"))
    assert "\r\nX-One: 1\r\nX-Two: a: b\r\n" in post
    assert post.endswith('{"id": "{uuid}"}')


def test_bodies_in_base64_are_any_bytes(folder):
    targets = read(folder, "targets: [{method: POST, path: /, body_base64: 'AAH/ /g=='}]")
    assert targets.targets[0].body == b"\x00\x01\xff\xfe"


def test_a_form_body_is_encoded_as_a_form(folder):
    targets = read(
        folder,
        "targets: [{method: POST, path: /, body: 'n={csv:users.csv:name}',"
        " headers: {content-type: application/x-www-form-urlencoded; charset=utf-8}}]",
    )
    assert {r.rpartition("n=")[2] for r in sent(targets)} == {"Ann+%22A%22", "Bob+%26+%C3%9C"}


def test_a_path_may_come_from_a_file_as_a_whole(folder):
    (folder / "urls.csv").write_text("path\n/a/b?c=d\n/e\n")
    targets = read(folder, "targets: ['{csv:urls.csv:path:next}']")
    assert [r.split()[1] for r in sent(targets)[:3]] == ["/a/b?c=d", "/e", "/a/b?c=d"]
    (folder / "urls.csv").write_text("path\n/a/b\nno path\n")
    with pytest.raises(ConfigError, match=r"urls.csv: path, row 2: expected a path"):
        read(folder, "targets: ['{csv:urls.csv:path}']")


def test_headers_of_flags_are_defaults_for_all_targets(folder):
    targets = read(folder, "targets: [{path: /, headers: {x-a: own}}, {path: /b}]")
    requests = sent(targets, headers={"X-A": "flag", "X-B": "flag"})
    assert any("x-a: own\r\n" in r and "X-A" not in r for r in requests)
    assert all("X-B: flag\r\n" in r for r in requests)


def test_names_are_distinct_and_labels_bounded(folder):
    targets = read(folder, "targets: [POST /, POST /, GET /, '/{random 1 2}']")
    assert [t.name for t in targets.targets] == ["POST /", "POST /#2", "/", "/{random 1 2}"]
    many = read(folder, "targets:\n" + "".join(f"- /r{n % 300}?x={n}\n" for n in range(3000)))
    catalogue = many.catalogue()
    assert len(catalogue.kinds) == 3000
    assert len(catalogue.labels) == 51
    assert catalogue.labels[-1] == "other"
    assert catalogue.labels[catalogue.label_numbers[301]] in {"/r1", "other"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("targets: [{path: /, wieght: 2}]", r"targets.yml:1: \$.targets\[0\]: unknown key wieght; did you mean weight"),
        ("targets:\n- path: /\n- path: /{uid}\n", r"targets.yml:3: unknown field {uid}; did you mean {uuid}"),
        ("targets:\n- path: x\n", r"targets.yml:2: invalid path 'x': expected one that begins with /"),
        ("targets:\n- path: /a b\n", "invalid path '/a b'"),
        ("targets:\n- path: /a#b\n", "invalid path"),
        ("targets:\n- {path: /, method: GET /}\n", "invalid method 'GET /'"),
        ("targets:\n- {path: /, headers: {'a b': c}}\n", "invalid header name 'a b'"),
        ('targets:\n- {path: /, headers: {a: "b\\nc: d"}}\n', "header a: expected one line"),
        ("targets:\n- {path: /, headers: {Content-Length: '3'}}\n", "trafficgen sets it itself"),
        ("targets:\n- {path: /, body: a, body_file: b}\n", "body and body_file: expected one of them"),
        ("targets:\n- {path: /, body_file: none.json}\n", r"targets.yml:2: .*none.json: No such file"),
        ("targets:\n- {path: /, body_base64: '!'}\n", "body_base64: "),
        ("targets:\n- {path: '/{csv:users.csv:emial}'}\n", "users.csv:1: no column emial; did you mean email"),
        ("targets:\n- {path: '/{csv:none.csv:a}'}\n", "none.csv: No such file"),
        ("targets:\n- {path: /, headers: {a: '${env:NONE}'}}\n", r"\${env:NONE}: this variable is not set"),
        ("targets:\n- {path: /, headers: {a: '${file:none}'}}\n", "none: No such file"),
        ("targets:\n- {path: /, name: ''}\n", "invalid name"),
        (
            "targets:\n- {path: /a, name: x}\n- {path: /b, name: y}\n- {path: /c, name: 'x#2'}\n- {path: /d, name: x}",
            "duplicate name x#2",
        ),
        ("targets: [http://a/, http://b/]", "http://b, after http://a: expected one scheme, host and port"),
        (
            "targets:\n- {path: /, expect: [200, 20x]}\n",
            "targets.yml:2: invalid code '20x': expected codes from 200 on",
        ),
        ("targets:\n- {path: /, expect: 299-200}\n", "invalid code '299-200'"),
        ("targets:\n- {path: /, expect: 100}\n", "invalid code '100'"),
        ("targets:\n- {path: /, expect: []}\n", "invalid code ''"),
        ("targets: [GET]", "expected a method and a path"),
        ("targets: [{path: /, weight: 0}]", "no weight above 0"),
        ("targets: [{path: /, weight: -1}]", "expected a number of at least 0"),
        ("targets: []", "no target in it"),
        ("", "no target in it"),
        ("targets: [&a [*a]]", "without end"),
        ("targets: [{path: /}", "not YAML"),
        ("targets:\n" + "- /\n" * 10_001, r"10,001 targets; at most 10,000"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line_and_what_would_be_right(folder, text, said):
    with pytest.raises(ConfigError, match=said):
        read(folder, text)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("t.csv", "method,paht\nGET,/\n", r"t.csv:1: unknown column 'paht'; did you mean path"),
        ("t.csv", "method\nGET\n", "t.csv:1: missing column path"),
        ("t.csv", "path,path\n/,/\n", "duplicate column path"),
        ("t.csv", "path,weight\n/,x\n", "t.csv:2: invalid weight 'x'"),
        ("t.csv", "path,weight\n/,nan\n", "t.csv:2: invalid weight"),
        ("t.csv", "path,weight\n/\n", "t.csv:2: 1 cells, expected 2"),
        ("t.csv", 'path\n"/\n', "t.csv:2: not CSV"),
        ("t.csv", "path\n", "no target in it"),
        ("t.txt", "", "no target in it"),
        ("t.txt", "nonsense\n", "t.txt:1: expected METHOD URL"),
        ("t.txt", "GET http://h/\nnonsense\n", "t.txt:2: expected a header"),
        ("t.txt", "GET http://h/\n@users.csv\nX: y\n", "t.txt:3: a line after the body"),
        ("t.txt", "GET http://h/\nA: b\na: c\n", "t.txt:3: duplicate header a"),
        ("t.txt", "GET http://u:p@h/\n", "without a user"),
        ("t.txt", "GET http://h/\n@/dev/zero\n", "t.txt:1: /dev/zero: expected a regular file"),
        ("t.har", "{}", "trafficgen import-har"),
    ],
)
def test_the_other_forms_too(folder, name, text, said):
    with pytest.raises(ConfigError, match=said):
        read(folder, text, name)


def test_data_must_fit_where_it_stands(folder):
    (folder / "h.csv").write_text('a,b\n"x\ny",1\n')
    with pytest.raises(ConfigError, match=r"h.csv: a, row 1: a header cannot hold a line end"):
        read(folder, "targets: [{path: /, headers: {x: '{csv:h.csv:a}'}}]")
    (folder / "h.csv").write_text("a,b\n1\n")
    with pytest.raises(ConfigError, match=r"h.csv:2: 1 cells, expected 2"):
        read(folder, "targets: ['/{csv:h.csv:a}']")
    (folder / "h.csv").write_text("a,b\n")
    with pytest.raises(ConfigError, match="no row after the header line"):
        read(folder, "targets: ['/{csv:h.csv:a}']")


def test_a_value_of_a_header_is_never_in_a_message(folder):
    for headers in ("{a: 'hidden{uid}'}", "{'a b': hidden}", '{a: "hidden\\n"}', "{connection: hidden}"):
        with pytest.raises(ConfigError) as error:
            read(folder, f"targets: [{{path: /, headers: {headers}}}]")
        assert "hidden" not in str(error.value)


def test_header_flags_take_files_and_secrets(folder):
    (folder / "h").write_text("# mine\nAuthorization: Bearer ${file:token}\n\nX-A: b: c\n")
    (folder / "h").chmod(0o600)
    given = [f"@{folder}/h", "X-B: ${env:B}", "X-C: {uuid} {a}"]
    assert read_headers(given, {"B": "2"}) == {
        "Authorization": "Bearer s3cret",
        "X-A": "b: c",
        "X-B": "2",
        "X-C": "{uuid} {a}",
    }
    for flag, said in (("no colon", "--header: expected"), ("A: ${env:NO}", "not set"), ("@/none", "No such file")):
        with pytest.raises(ConfigError, match=said):
            read_headers([flag], {})


def test_the_url_may_come_from_the_file_and_must_not_differ(folder):
    targets = read(folder, "GET http://127.0.0.1:81/\n", "t.txt")
    assert chosen_url(None, targets) == "http://127.0.0.1:81/"
    assert chosen_url("http://127.0.0.1:81/x", targets) == "http://127.0.0.1:81/x"
    with pytest.raises(ConfigError, match=r"differs from http://127.0.0.1:81"):
        chosen_url("http://127.0.0.1:82/", targets)
    with pytest.raises(ConfigError, match="--url is missing"):
        chosen_url(None, None)
    for flags, said in (({"mix": "/=1"}, "--mix"), ({"body": "x"}, "--body"), ({"method": "POST"}, "--method")):
        with pytest.raises(ConfigError, match=f"{said}: with --targets"):
            chosen_targets({"targets": folder / "t.txt", "mix": None, **flags})


@pytest.mark.parametrize(
    ("expect", "want"),
    [
        ("201", ((201, 201),)),
        ("[201, 4xx]", ((201, 201), (400, 499))),
        ("2xx", ((200, 299),)),
        ("500-503", ((500, 503),)),
        ("'404, 200'", ((200, 200), (404, 404))),
    ],
)
def test_expected_codes_are_codes_classes_and_ranges(folder, expect, want):
    assert read(folder, f"targets: [{{path: /, expect: {expect}}}]").targets[0].expected == want


def test_csv_has_expected_codes(folder):
    (target,) = read(folder, 'path,expect\n/,"404,410"\n', "t.csv").targets
    assert target.expected == ((404, 404), (410, 410))


def test_targets_that_share_a_label_expect_the_same(folder):
    text = "targets:\n" + "".join(f"- {{path: /r{n}, expect: {(200, 404)[n % 2]}}}\n" for n in range(300))
    catalogue = read(folder, text).catalogue()
    assert len(catalogue.labels) == len(catalogue.expected) == 52  # 50 of their own, and one for each list of codes
    assert all(
        catalogue.expected[catalogue.label_numbers[n]] == (((200, 200),), ((404, 404),))[n % 2] for n in range(300)
    )
    text = "targets:\n" + "".join(f"- {{path: /r{n}, expect: {200 + n}}}\n" for n in range(300))
    with pytest.raises(ConfigError, match="more than 50 different lists of expected codes"):
        read(folder, text).catalogue()


async def test_expected_codes_decide_what_is_an_error(site, folder):
    text = "targets: [{path: /fail, expect: 5xx}, {path: /missing, expect: 200}, /]"
    phases = (Phase(pattern=parse_patterns((), 2000.0), duration_s=0.05),)
    report = await run_load(LoadConfig(url=site.url, phases=phases, targets=read(folder, text), seed=7))
    missing = site.requests["/missing"]
    assert (report.unexpected, report.ratios["error_ratio"]) == (missing, missing / 100)
    assert [(t.target, t.requests, t.unexpected) for t in report.by_target] == [
        ("/fail", site.requests["/fail"], 0),
        ("/missing", missing, missing),
        ("/", site.requests["/"], 0),
    ]
    assert all(0 < t.latency_from_plan_s["p50"] <= t.latency_from_plan_s["p99"] for t in report.by_target)
    text = render_text(report)
    assert f"unexpected         {missing} answers with codes that their targets do not expect\n" in text
    assert re.search(rf"^/missing +{missing} +{missing} +0 +0 .* 404: {missing}$", text, re.MULTILINE)


async def test_the_answer_to_a_head_has_no_body_among_targets_of_other_methods(site, folder):
    async def head(_reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        return True

    site.script["/head"] = head
    phases = (Phase(pattern=parse_patterns((), 2000.0), duration_s=0.05),)
    targets = read(folder, "targets: [HEAD /head, GET /]")
    report = await run_load(LoadConfig(url=site.url, phases=phases, targets=targets, seed=7))
    assert (report.answered, report.codes) == (100, {"200": 100})


async def test_a_target_that_is_never_answered_is_told_apart(site, folder):
    async def hang_up(_reader, writer):
        writer.close()

    site.script["/gone"] = hang_up
    phases = (Phase(pattern=parse_patterns((), 2000.0), duration_s=0.05),)
    targets = read(folder, "targets: [/, /gone]")
    run = make_run(LoadConfig(url=site.url, phases=phases, targets=targets, seed=7))
    report = await run.execute()
    fine, gone = report.by_target
    assert (gone.requests, gone.no_answer, gone.answered) == (site.requests["/gone"], site.requests["/gone"], 0)
    assert (fine.requests, fine.no_answer) == (site.requests["/"], 0)
    samples = {(s.name, *s.labels.values()): s.value for f in RunCollector(run).collect() for s in f.samples}
    assert samples["trafficgen_target_failed_requests_total", "/gone", "no_answer"] == gone.requests
    assert samples["trafficgen_target_request_duration_seconds_count", "/gone"] == gone.requests
    assert samples["trafficgen_unexpected_responses_total", "/gone"] == 0


async def test_a_run_counts_each_target_by_its_name(site, folder):
    text = "targets: [GET /, {path: '/fail?n={seq}', name: bad}, {path: /missing, weight: 2}]"
    phases = (Phase(pattern=parse_patterns((), 2000.0), duration_s=0.05),)
    report = await run_load(LoadConfig(url=site.url, phases=phases, targets=read(folder, text), seed=7))
    assert report.answered == 100
    assert report.targets["/missing"] == {"404": site.requests["/missing"]}
    assert report.targets["/"] == {"200": site.requests["/"]}
    assert sum(report.targets["bad"].values()) == sum(p.startswith("/fail?n=") for p in site.requests.elements())


def test_data_that_is_cut_within_a_letter_is_told_as_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr("trafficgen.targets.data.MAX_DATA_BYTES", 1 << 20)
    (path := tmp_path / "users.csv").write_text("name\n" + "é" * (1 << 20))
    with pytest.raises(ConfigError, match=r"users.csv: larger than 1 MiB$"):
        read_columns(path, ["name"])
