"""The web configuration file: every key of exporter-toolkit is done, or refused with the reason."""

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.config import parse_config
from foundation.errors import ConfigError
from foundation.web.config import CIPHER_SUITES, CURVES, WebConfig, check_users
from foundation.web.headers import check_headers

TLS = "tls_server_config: {cert_file: a, key_file: b"
VERIFIED = f"{TLS}, client_ca_file: c, client_auth_type: RequireAndVerifyClientCert"
HASH = "$2b$04$abcdefghijklmnopqrstuO64R4VFVGNxw8JsxX2LfUdyT7kInfCw2"


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"{TLS}}}",
        "tls_server_config: {cert: a, key: b}",
        f"{TLS}, client_ca: c, client_auth_type: VerifyClientCertIfGiven}}",
        f"{VERIFIED}, client_allowed_sans: [one, 192.0.2.1]}}",
        f"{TLS}, min_version: TLS13, max_version: TLS13}}",
        f"{TLS}, cipher_suites: [{', '.join(CIPHER_SUITES)}]}}",
        f"{TLS}, cipher_suites: [TLS_AES_128_GCM_SHA256]}}",
        f"{TLS}, prefer_server_cipher_suites: false}}",
        *(f"{TLS}, curve_preferences: [{curve}]}}" for curve in CURVES),
        "http_server_config: {http2: false, headers: {X-Frame-Options: deny, Strict-Transport-Security: max-age=1}}",
        "http_server_config: {headers: {X-Frame-Options: '', X-XSS-Protection: '0'}}",
        f"basic_auth_users: {{alice: '{HASH}', bob: '{HASH.replace('2b', '2y', 1)}'}}",
        "rate_limit: {interval: 1s, burst: 20}",
        "rate_limit: {interval: 250ms, burst: 1}",
        "rate_limit: {interval: 0, burst: 0}",
        "allowed_hosts: [exporter, metrics.example.com, '*.example.com', 192.0.2.1]",
        "allowed_hosts: ['*']",
    ],
)
def test_what_is_taken(text):
    parse_config(text, WebConfig)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("tls: {}", "unknown key tls"),
        ("tls_server_config: {}", "expected either cert_file or cert"),
        ("tls_server_config: {cert_file: a}", "expected either key_file or key"),
        (f"{TLS}, cert: x}}", "expected either cert_file or cert"),
        (f"{VERIFIED}, client_ca: x}}", "expected either client_ca_file or client_ca"),
        (f"{TLS}, client_auth_type: RequireAndVerifyClientCert}}", "needs client_ca_file or client_ca"),
        (f"{TLS}, client_ca_file: c}}", "a client CA needs client_auth_type"),
        (f"{TLS}, client_allowed_sans: [a]}}", "client_allowed_sans needs client_auth_type"),
        (f"{TLS}, client_auth_type: RequestClientCert}}", "nobody verifies, which Python's TLS cannot"),
        (f"{TLS}, client_auth_type: RequireAnyClientCert}}", "nobody verifies, which Python's TLS cannot"),
        (f"{TLS}, client_auth_type: Sometimes}}", "invalid client_auth_type 'Sometimes'"),
        (f"{TLS}, min_version: TLS10}}", "TLS10 is broken"),
        (f"{TLS}, max_version: TLS11}}", "TLS11 is broken"),
        (f"{TLS}, max_version: SSL3}}", "invalid max_version 'SSL3': expected TLS12 or TLS13"),
        (f"{TLS}, min_version: TLS13, max_version: TLS12}}", "min_version TLS13 is above max_version TLS12"),
        (f"{TLS}, cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]}}", "insecure cipher suite 'TLS_RSA_WITH_RC4_128_SHA'"),
        (f"{TLS}, cipher_suites: [TLS_AES_128_GCM_SHA256], max_version: TLS12}}", "suites of TLS 1.3 alone"),
        (f"{TLS}, curve_preferences: [CurveP256, X25519]}}", "Python's TLS can set one curve"),
        (f"{TLS}, curve_preferences: [P-256]}}", "unknown curve 'P-256': expected one of CurveP256"),
        ("http_server_config: {http2: true}", "http2: true is not possible"),
        ("http_server_config: {headers: {Host: x}}", "'Host' cannot be set here"),
        ("http_server_config: {headers: {X-Frame-Options: bogus}}", "expected deny or sameorigin"),
        ("http_server_config: {headers: {X-Content-Type-Options: sniff}}", "expected nosniff"),
        (
            'http_server_config: {headers: {X-XSS-Protection: "0\\r\\nX-Evil: 1"}}',
            "expected printable ASCII in one line",
        ),
        ("basic_auth_users: {a: plain}", "a: not a bcrypt hash"),
        ("basic_auth_users: {a: '$2b$12$abc'}", "a: truncated or damaged bcrypt hash"),
        (f"basic_auth_users: {{a: '{HASH[:-1]}'}}", "a: truncated or damaged bcrypt hash"),
        (f"basic_auth_users: {{a: '{HASH}x'}}", "a: truncated or damaged bcrypt hash"),
        (f"basic_auth_users: {{a: '{HASH.replace('04', '31', 1)}'}}", "a: cost 31: expected 4 to 18"),
        (f"basic_auth_users: {{'a:b': '{HASH}'}}", "printable text without a colon"),
        ("rate_limit: {interval: 1s}", "needs burst"),
        ("rate_limit: {interval: soon, burst: 1}", "invalid duration 'soon'"),
        ("allowed_hosts: ['exporter:8090']", "invalid host 'exporter:8090': expected a name without a port"),
        ("allowed_hosts: ['ex*']", "invalid host 'ex*'"),
    ],
)
def test_what_is_refused_says_why_and_where(text, want):
    with pytest.raises(ConfigError) as failure:
        parse_config(text, WebConfig, name="web.yml")
    assert want in str(failure.value)
    assert str(failure.value).startswith("web.yml:1: ")


def test_no_refusal_shows_a_hash_or_a_key():
    for text in (
        f"basic_auth_users: {{a: '{HASH[:-1]}'}}",
        f"tls_server_config: {{cert: c, key: '{HASH}', key_file: k}}",
    ):
        with pytest.raises(ConfigError) as failure:
            parse_config(text, WebConfig)
        assert HASH[10:30] not in str(failure.value)


@given(st.binary(max_size=8), st.integers(0, 59), st.sampled_from("./A0z9$: "))
def test_a_hash_is_taken_when_bcrypt_can_check_it(password, place, character):
    """Whatever is damaged in a hash: what is taken at start never fails at a login."""
    salt = b"$2b$04$" + bcrypt.gensalt(4)[7:]
    hashed = bcrypt.hashpw(password.replace(b"\0", b""), salt).decode()
    damaged = hashed[:place] + character + hashed[place + 1 :]
    try:
        check_users({"a": damaged})
    except ValueError:
        assert damaged != hashed
    else:
        bcrypt.checkpw(b"x", damaged.encode())


@given(st.text(max_size=20))
def test_a_header_is_taken_when_it_is_one_line(value):
    try:
        check_headers({"X-XSS-Protection": value})
    except ValueError:
        assert not (value.isascii() and value.isprintable())
    else:
        assert not set("\r\n\0") & set(value)
