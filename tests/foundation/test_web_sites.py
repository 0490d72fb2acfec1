"""Which Host names a server, and which request another site makes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.web.sites import Hosts, from_elsewhere, is_embedded, split_host

LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)


@pytest.mark.parametrize(
    ("header", "want"),
    [
        ("localhost", True),
        ("localhost:8090", True),
        ("LOCALHOST.:8090", True),
        ("127.0.0.1:8090", True),
        ("[::1]:8090", True),
        ("192.0.2.7", True),  # an address cannot be pointed elsewhere
        ("machine:8090", True),
        ("exporter:8090", True),
        ("a.example.com", True),
        ("a.b.example.com:443", True),
        ("example.com", False),
        ("evilexample.com", False),
        ("rebind.evil.example", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("2130706433.evil", False),
        ("exporter.evil.example", False),
        ("user@localhost", False),
        ("localhost/", False),
        ("local host", False),
        ("[::1", False),
        ("[evil.example]", False),
        (":8090", False),
        ("localhost:x", False),
        ("localhost:8090:1", False),
    ],
)
def test_a_server_answers_to_its_names_alone(header, want):
    hosts = Hosts(["exporter", "*.example.com"], machine="machine")
    assert (header in hosts) is want
    assert (header in hosts) is want, "the second time"


@given(st.lists(LABEL, min_size=2, max_size=4).map(".".join), st.integers(1, 65535))
def test_no_name_of_the_network_is_ours_unless_it_is_allowed(name, port):
    if name.replace(".", "").isdigit():
        return
    assert f"{name}:{port}" not in Hosts([], machine="machine")
    assert f"{name}:{port}" in Hosts([name.upper()], machine="machine")
    assert f"{name}:{port}" in Hosts(["*"], machine="machine")


def test_what_is_remembered_of_hosts_is_bounded():
    hosts = Hosts(["*"], machine="machine")
    assert all(f"a{number}" in hosts for number in range(1000))
    assert len(hosts._known) <= 100


@given(st.text(max_size=30))
def test_no_host_header_is_too_strange(header):
    found = split_host(header)
    assert found is None or (found[0] and "/" not in found[0] and "@" not in found[0])


HOST = "127.0.0.1:8081"


@pytest.mark.parametrize(
    ("headers", "want"),
    [
        ({}, False),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://in.front.example"}, False),  # a proxy rewrote the Host
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:3000"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, True),
        ({"Sec-Fetch-Site": "anything"}, True),
        ({"Origin": f"http://{HOST}"}, False),
        ({"Origin": "http://127.0.0.1:3000"}, True),
        ({"Origin": "http://127.0.0.1"}, True),
        ({"Origin": "http://evil.example"}, True),
        ({"Origin": "http://127.0.0.1:8081.evil.example"}, True),
        ({"Origin": "null"}, True),
        ({"Origin": "http://[::1"}, True),
        ({"Origin": "file://"}, True),
        ({"Referer": f"http://{HOST}/page"}, False),
        ({"Referer": "http://evil.example/page"}, True),
    ],
)
def test_who_asks_from_elsewhere(headers, want):
    assert from_elsewhere(headers, HOST) is want


@pytest.mark.parametrize(
    ("origin", "host"), [("https://a.example", "a.example:443"), ("http://a.example:80", "A.example")]
)
def test_the_port_of_a_scheme_may_be_left_out(origin, host):
    assert not from_elsewhere({"Origin": origin}, host)
    assert from_elsewhere({"Origin": origin.replace("a.", "b.")}, host)


@pytest.mark.parametrize(
    ("headers", "want"),
    [
        ({}, False),
        ({"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "embed"}, True),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, True),
    ],
)
def test_a_link_may_be_followed_and_nothing_embedded(headers, want):
    assert is_embedded(headers) is want
