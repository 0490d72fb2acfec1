"""Patterns of addresses: no `*` lets in anything outside of its part, and there is one spelling of an address."""

import fnmatch
import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from urllib.parse import urlsplit

import pytest
import yarl
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import parse_url

from exporter.stats.targets import allowed, parse_pattern, parse_target, reachable


@pytest.mark.parametrize(
    ("pattern", "target", "want"),
    [
        ("http://127.0.0.1:8080/stats", "http://127.0.0.1:8080/stats", True),
        ("http://127.0.0.1:8080/stats", "http://127.0.0.1:8080/stats#top", True),
        ("http://127.0.0.1:8080/stats", "http://127.0.0.1:8081/stats", False),
        ("http://127.0.0.1:8080/stats", "https://127.0.0.1:8080/stats", False),
        ("http://127.0.0.1:8080/stats", "http://127.0.0.1:8080/stats/more", False),
        ("http://127.0.0.1:*/stats", "http://127.0.0.1:9/stats", True),
        ("http://example.com/*", "http://EXAMPLE.com/a/b", True),
        ("http://EXAMPLE.com/*", "http://example.com:80/", True),
        ("http://example.com/*", "http://example.com:8080/", False),
        ("https://example.com/*", "https://example.com:443/", True),
        ("*://example.com/*", "https://example.com/", True),
        ("*://example.com/*", "https://example.com:80/", False),
        ("*://example.com:*/*", "http://example.com:443/", True),
        ("http://192.0.2.*/*", "http://192.0.2.7/x", True),
        ("http://192.0.2.*/*", "http://192.0.3.7/x", False),
        ("http://192.0.2.*/*", "http://192.0.2.example.com/x", False),
        ("http://192.0.2.*/*", "http://192.0.2.7.example.com/x", False),
        ("http://10.*.7.*/*", "http://10.1.7.2/", True),
        ("http://10.*.7.*/*", "http://10.1.8.2/", False),
        ("http://192.0.2.0/25:9100/*", "http://192.0.2.127:9100/x", True),
        ("http://192.0.2.0/25:9100/*", "http://192.0.2.128:9100/x", False),
        ("http://192.0.2.0/25/*", "http://192.0.2.1/x", True),
        ("http://192.0.2.7:80/25/*", "http://192.0.2.7/25/x", True),
        ("http://[2001:db8::]/32/*", "http://[2001:DB8:0:0::1]/x", True),
        ("http://[2001:db8::]/32/*", "http://[2001:db9::1]/x", False),
        ("http://[::1]:8080/stats", "http://[::1]:8080/stats", True),
        ("http://[::1]/stats", "http://[0:0::1]/stats", True),
        ("http://*.example.com/*", "http://a.example.com/x", True),
        ("http://*.example.com/*", "http://a.b.example.com/x", False),
        ("http://*.*.example.com/*", "http://a.b.example.com/x", True),
        ("http://*.example.com/*", "http://example.com/x", False),
        ("http://*.example.com/*", "http://a.example.com.example.net/", False),
        ("http://*.example.com/*", "http://example.org/x.example.com/", False),
        ("http://*.example.com/*", "http://192.0.2.1:80/.example.com/", False),
        ("http://web-*.example.com/*", "http://web-12.example.com/", True),
        ("http://web-*.example.com/*", "http://web-1.2.example.com/", False),
        ("http://web*/stats", "http://web1/stats", True),
        ("http://web*/stats", "http://web.example.com/stats", False),
        ("http://xn--bcher-kva.example/*", "http://XN--bcher-kva.example/", True),
        ("http://example.com/open/*", "http://example.com/open/../secret", False),
        ("http://example.com/open/*", "http://example.com/open/%2e%2e/secret", False),
        ("http://example.com/open/*", "http://example.com/open/..%2fsecret", False),
        ("http://example.com/open/*", "http://example.com/open/..%5csecret", False),
        ("http://example.com/open/*", "http://example.com/open/%252e%252e%252fsecret", False),
        ("http://example.com/*", "http://example.com/%0d%0aSET%20x", False),
        ("http://example.com/*", "http://example.com/%00", False),
        ("http://example.com/queues/%2f/*", "http://example.com/queues/%2F/a", True),
        ("http://example.com/queues/%2f/*", "http://example.com/queues/%2F/a%2Fb", False),
        ("http://example.com/%7Ea/*", "http://example.com/~a/", True),
        ("http://example.com/stats", "http://example.com/stats?x=1", False),
        ("http://example.com/*", "http://example.com/stats?x=1", False),
        ("http://example.com/a?b", "http://example.com/a?b", True),
        ("http://example.com/a?b", "http://example.com/a", False),
        ("http://example.com/a?b", "http://example.com/axb", False),
        ("http://example.com/*?*", "http://example.com/a?b=c", True),
        ("http://example.com/*?*", "http://example.com/a", True),
        ("http://example.com/*?id=*", "http://example.com/a?x=1&id=", False),
        # special addresses
        ("http://0.0.0.0/0:*/*", "http://192.0.2.1:9100/", True),
        ("http://0.0.0.0/0:*/*", "http://127.0.0.1:9100/", False),
        ("http://0.0.0.0/0:*/*", "http://169.254.169.254:80/", False),
        ("http://*.*.*.*:*/*", "http://0.0.0.0:80/", False),
        ("http://*.*.*.*:*/*", "http://255.255.255.255/", False),
        ("http://169.*.*.*/*", "http://169.254.169.254/", False),
        ("http://169.254.*.*/*", "http://169.254.169.254/", True),
        ("http://127.0.0.0/8:*/*", "http://127.9.9.9:1/", True),
        ("http://126.0.0.0/7:*/*", "http://127.9.9.9:1/", False),
        ("http://[::]/0/*", "http://[::1]/", False),
        ("http://[::]/0/*", "http://[fe80::1]/", False),
        ("http://[::]/0/*", "http://[64:ff9b::7f00:1]/", False),
        ("http://[::]/0/*", "http://[2002:7f00:1::]/", False),
        ("http://[::]/0/*", "http://[2001:db8::1]/", True),
        ("http://[fe80::]/10/*", "http://[fe80::1]/", True),
    ],
)
def test_which_addresses_a_pattern_allows(pattern, target, want):
    assert allowed(parse_target(target), [pattern]) is want


@pytest.mark.parametrize(
    "target",
    [
        "",
        "stats",
        "file:///etc/passwd",
        "http://",
        "//example.com/",
        "http:///x",
        "http://a:b@example.com/",
        "http://a@example.com/",
        "http://@example.com/",
        "http://[/",
        "http://127.1/",
        "http://3221225985/",
        "http://0x7f000001/",
        "http://0X7f.1/",
        "http://0300.0.2.1/",
        "http://192.0.2.07/",
        "http://192.0.2.1./",
        "http://192.0.2.256/",
        "http://example.0x7f/",
        "http://example.com./",
        "http://example..com/",
        "http://example.com:0/",
        "http://example.com:65536/",
        "http://example.com:8\u0660/",
        "http://\u24d4vil.example.com/",
        "http://evil.test\uff0e.example.com/",
        "http://evil%2etest/",
        "http://evil.test%00.example.com/",
        "http://evil.test\\.example.com/",
        "http://example.com\\@evil.test/",
        "http://example.com/a\\b",
        "http://example.com/\x00",
        "http://exam\tple.com/",
        "http://example.com/a\nb",
        "http://example.com/a b",
        " http://example.com/",
        "http://example.com/open/..;/secret",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[fe80::1%25eth0]/",
        "http://[::1",
        "http://::1/",
        "http://[127.0.0.1]/",
    ],
)
def test_what_is_not_a_target(target):
    with pytest.raises(ValueError, match=r"^invalid (URL|address) '.*: expected") as caught:
        parse_target(target)
    assert "a:b@" not in str(caught.value)


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        ("example.com", "expected SCHEME://HOST[:PORT]/PATH, for example http://*.example.com:8080/stats"),
        ("http://example.com", "expected SCHEME://HOST"),
        ("ftp://example.com/", "expected SCHEME://HOST"),
        ("http://example.com/#a", "expected SCHEME://HOST"),
        ("http://example.com/a b", "expected SCHEME://HOST"),
        ("http://example.com:80x/", "expected SCHEME://HOST"),
        ("http://example.com:0/", "expected a port from 1 to 65535, or *"),
        ("http://example.com:65536/", "expected a port from 1 to 65535, or *"),
        ("http://10.*:9100/*", "for example 10.*.*.*; or a network, for example 192.0.2.0/24"),
        ("http://*:9100/*", "for example *.*.*.*; or a network"),
        ("http://192.0.2.1*/*", "for example 192.0.2.*; or"),
        ("http://192.0.*.300/*", "for example 192.0.2.*; or"),
        ("http://192.0.*.*/16/*", "for example 192.0.2.*; or"),
        ("http://192.0.2/*", "expected an address or a network, for example 192.0.2.7, 192.0.2.0/24"),
        ("http://192.0.2.0/33/*", "expected an address or a network"),
        ("http://192.0.2.0/24", "expected SCHEME://HOST"),
        (
            "http://192.0.2.7/24/*",
            "expected the network 192.0.2.0/24; a path after an address needs a port, 192.0.2.7:80/24",
        ),
        ("http://[2001:db8::1]/32/*", "expected the network [2001:db8::]/32; "),
        ("http://[2001:db8::/32]/*", "http://[2001:db8::]/32/*"),
        ("http://[::ffff:192.0.2.7]/", "expected the address as 192.0.2.7"),
        ("http://web.*/", "expected a name whose last label is neither * nor a number"),
        ("http://web.1*/", "expected a name whose last label is neither * nor a number"),
        ("http://0x7f000001/", "expected a name whose last label is neither * nor a number"),
        ("http://web.example./", "without a dot at its end"),
        ("http://b\u00fccher.example/", "one of other letters as xn--..."),
    ],
)
def test_a_pattern_that_is_unclear_is_refused_with_what_would_be_right(pattern, complaint):
    with pytest.raises(ValueError, match=r"^invalid pattern") as caught:
        parse_pattern(pattern)
    assert complaint in str(caught.value)
    assert allowed(parse_target("http://10.1.2.3:9100/x"), [pattern]) is False


@pytest.mark.parametrize(
    ("patterns", "resolved", "want"),
    [
        (["http://web.example:8080/*"], "192.0.2.7", True),
        (["http://web.example:8080/*"], "10.0.0.1", True),
        (["http://web.example:8080/*"], "127.0.0.1", False),
        (["http://web.example:8080/*"], "::1", False),
        (["http://web.example:8080/*"], "::ffff:127.0.0.1", False),
        (["http://web.example:8080/*"], "169.254.169.254", False),
        (["http://web.example:8080/*"], "fe80::1%eth0", False),
        (["http://web.example:8080/*"], "0.0.0.0", False),
        (["http://web.example:8080/*"], "::", False),
        (["http://web.example:8080/*"], "224.0.0.1", False),
        (["http://web.example:8080/*"], "ff02::1", False),
        (["http://web.example:8080/*"], "fd00:ec2::254", False),
        (["http://web.example:8080/*"], "64:ff9b::a9fe:a9fe", False),
        (["http://web.example:8080/*", "http://127.0.0.1:8080/*"], "127.0.0.1", True),
        (["http://web.example:8080/*", "http://127.0.0.1:8080/*"], "::ffff:127.0.0.1", True),
        (["http://web.example:8080/*", "http://127.0.0.1:8081/*"], "127.0.0.1", False),
        (["http://web.example:8080/*", "http://127.0.0.1:8080/other"], "127.0.0.1", False),
        (["http://web.example:8080/*", "http://[::1]:8080/*"], "::1", True),
        (["http://web.example:8080/*", "http://0.0.0.0/0:8080/*"], "127.0.0.1", False),
        (["http://web.example:8080/*", "http://localhost:8080/*"], "127.0.0.1", False),
    ],
)
def test_where_a_name_may_lead(patterns, resolved, want):
    url = parse_target("http://web.example:8080/stats")
    assert reachable(url, resolved, list(map(parse_pattern, patterns))) is want


@pytest.mark.parametrize(("resolved", "want"), [("127.0.0.1", True), ("::1", True), ("169.254.1.1", False)])
def test_a_loopback_name_names_loopback(resolved, want):
    assert reachable(parse_target("http://localhost:1/x"), resolved, [parse_pattern("http://localhost:*/*")]) is want


LETTERS = st.text("ab1-", max_size=3)
LABEL = st.text("ab1", min_size=1, max_size=3).map(lambda text: f"a{text}")
LABELS = st.lists(LABEL, min_size=1, max_size=4)
NUMBERS = st.one_of(st.sampled_from([0, 1, 10, 127, 169, 192, 224, 254, 255]), st.integers(0, 255))


@given(st.lists(st.one_of(LABEL, st.just("*"), LABEL.map(lambda a: f"{a}*")), max_size=3), LABEL, LABELS, st.data())
def test_names_match_label_by_label(first, last, random, data):
    wanted = [*first, last]
    close = [data.draw(LETTERS).replace("-", "a") or "a" if part == "*" else part.replace("*", "b") for part in wanted]
    for labels in (close, [*close, "a"], ["a", *close], random):
        want = len(labels) == len(wanted) and all(map(fnmatch.fnmatchcase, labels, wanted))
        assert allowed(parse_target(f"http://{'.'.join(labels)}/"), [f"http://{'.'.join(wanted)}/"]) is want


SPECIAL_V4 = [
    IPv4Network(text) for text in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4")
]


@given(st.lists(st.one_of(st.none(), NUMBERS), min_size=4, max_size=4), st.lists(NUMBERS, min_size=4, max_size=4))
def test_addresses_match_number_by_number(wanted, random):
    close = [there if number is None else number for number, there in zip(wanted, random, strict=True)]
    pattern = ".".join("*" if number is None else str(number) for number in wanted)
    for numbers in (close, random):
        covered = all(number in (None, there) for number, there in zip(wanted, numbers, strict=True))
        address = IPv4Address(bytes(numbers))
        ends = [IPv4Address(bytes(end if number is None else number for number in wanted)) for end in (0, 255)]
        named = all(ends[0] in net and ends[1] in net for net in SPECIAL_V4 if address in net)
        assert allowed(parse_target(f"http://{address}/"), [f"http://{pattern}/"]) is (covered and named)


@given(st.integers(0, (1 << 32) - 1), st.integers(0, 32), st.integers(0, (1 << 32) - 1))
def test_networks_of_ipv4_hold_what_ipaddress_says(start, bits, other):
    network = IPv4Network((start, bits), strict=False)
    for address in (network[0], network[-1], IPv4Address(other), IPv4Address(start)):
        named = all(network.subnet_of(net) for net in SPECIAL_V4 if address in net)
        want = address in network and named and str(address) != "100.100.100.200"
        assert allowed(parse_target(f"http://{address}/"), [f"http://{network}/"]) is want


@given(
    st.integers(0, (1 << 128) - 1).map(lambda n: n >> 3 | 1 << 125), st.integers(4, 128), st.integers(0, (1 << 125) - 1)
)
def test_networks_of_ipv6_hold_what_ipaddress_says(start, bits, other):
    network = IPv6Network((start, bits), strict=False)
    for address in (network[0], network[-1], IPv6Address(other | 1 << 125)):
        if address.sixtofour:
            continue
        pattern = f"http://[{network.network_address}]/{bits}/"
        assert allowed(parse_target(f"http://[{address}]/"), [pattern]) is (address in network)


@given(st.text("a*/b", max_size=8), st.text("a/b", max_size=8))
def test_paths_and_query_strings_match_apart(pattern, text):
    want = re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text) is not None
    assert allowed(yarl.URL(f"http://a/{text}", encoded=True), [f"http://a/{pattern}"]) is want
    assert allowed(yarl.URL(f"http://a/?{text}", encoded=True), [f"http://a/?{pattern}"]) is want
    assert not (text and allowed(yarl.URL(f"http://a/x?{text}", encoded=True), ["http://a/*"]))


PIECES = st.sampled_from(
    [
        *("http://", "https://", "evil.test", ".example.com", "192.0.2.", "::1", "::ffff:", "0x7f", ":8080", ".."),
        *("%2f", "%00", "%2e", "%5c", "7", "\u24d4", "\uff0f", "\uff0e", "\u3002"),
        *".:@/\\?#[];\t\0 ",
    ]
)


GOOD = st.sampled_from(
    ["http://192.0.2.7:8080/a", "http://a.example.com:8080/a", "http://192.0.2.7", "http://a.example.com/"]
)


@given(GOOD, st.lists(st.tuples(st.integers(5, 30), PIECES), max_size=3))
def test_what_is_let_in_is_inside_for_every_reader_of_addresses(text, insertions):
    for at, piece in insertions:
        text = f"{text[:at]}{piece}{text[at:]}"
    try:
        url = parse_target(text)
    except ValueError:
        return
    for pattern, inside in (("192.0.2.*", r"192\.0\.2\.[0-9]+"), ("*.example.com", r"[^.]+\.example\.com")):
        if allowed(url, [f"http://{pattern}:*/*?*"]):
            hosts = {url.host, urlsplit(text).hostname, parse_url(text).host, yarl.URL(text).host}
            assert len(hosts) == 1
            assert re.fullmatch(inside, hosts.pop())


def test_a_clients_text_cannot_make_a_pattern_slow():
    pattern, path = parse_pattern("http://a/" + "*a" * 30 + "b"), "a" * 8000
    assert not pattern.allows(parse_target(f"http://a/{path}"))
