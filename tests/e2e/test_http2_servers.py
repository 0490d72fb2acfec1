"""HTTP/2 against servers of the distribution: their logs have exactly the requests that the report has."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from ports import free_ports
from web_servers import Server

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
PATH = f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin"


def nginx(program, folder, ports, files):
    """nginx as it comes: it ends a connection after 1,000 requests."""
    plain, tls = ports
    text = f"""
daemon off; worker_processes 1; error_log stderr; pid {folder}/pid; {"user root;" if os.getuid() == 0 else ""}
events {{ worker_connections 64; }}
http {{
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  access_log {folder}/access.log;
  ssl_certificate {files}/server.pem; ssl_certificate_key {files}/server.pem;
  server {{
    listen 127.0.0.1:{plain} http2; listen 127.0.0.1:{tls} ssl http2;
    location / {{ return 200 "ok\\n"; }}
  }}
}}"""
    return Server("nginx", folder, plain, [[program, "-p", str(folder), "-c", f"{folder}/conf"]], {"conf": text})


def caddy(program, folder, ports, files):
    """Caddy with h2c beside its own HTTP/2."""
    plain, tls = ports
    text = f"""
{{
  admin off
  auto_https off
  servers {{
    protocols h1 h2 h2c
  }}
}}
(site) {{
  bind 127.0.0.1
  log {{
    output file {folder}/access.log
  }}
  respond "ok"
}}
http://:{plain} {{
  import site
}}
https://127.0.0.1:{tls}, https://localhost:{tls} {{
  import site
  tls {files}/server.pem {files}/server.pem
}}
"""
    command = [program, "run", "--adapter", "caddyfile", "--config", f"{folder}/conf"]
    return Server("caddy", folder, plain, [command], {"conf": text})


def haproxy(program, folder, ports, files):
    """HAProxy, which answers by itself and logs to its output."""
    plain, tls = ports
    text = f"""
global
  log stdout format raw local0
defaults
  mode http
  log global
  option httplog
  option dontlognull
  timeout client 30s
frontend front
  bind 127.0.0.1:{plain} proto h2
  bind 127.0.0.1:{tls} ssl crt {files}/server.pem alpn h2
  http-request return status 200 content-type text/plain string "ok"
"""
    return Server("haproxy", folder, plain, [[program, "-db", "-f", f"{folder}/conf"]], {"conf": text}, "access.log")


MAKERS = {"nginx": nginx, "caddy": caddy, "haproxy": haproxy}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """server.pem: a certificate of 127.0.0.1 that signs itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    openssl = (
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    )
    made = (*openssl, "-keyout", "key", "-out", "ca.pem", "-subj", "/CN=localhost")
    names = ("-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost")
    subprocess.run([*made, *names], check=True, capture_output=True, cwd=folder)
    (folder / "server.pem").write_text((folder / "ca.pem").read_text() + (folder / "key").read_text())
    return folder


@pytest.mark.parametrize("protocol", ["http2", "h2c"])
@pytest.mark.parametrize("name", MAKERS)
def test_the_server_s_log_has_every_request_once(name, protocol, tmp_path, files):
    program = shutil.which(name, path=PATH)
    if not program:
        pytest.skip(f"{name} is not installed")
    plain, tls = ports = tuple(free_ports(2))
    server = MAKERS[name](program, tmp_path / name, ports, files)
    server.start()
    try:
        url = f"https://127.0.0.1:{tls}/" if protocol == "http2" else f"http://127.0.0.1:{plain}/"
        trust = ["--cacert", str(files / "ca.pem")] if protocol == "http2" else []
        command = [
            sys.executable, "-m", "trafficgen.cli", "--url", url, f"--{protocol}", *trust, "--rps", "500", "--duration",
            "5s", "--seed", "1", "--metrics-address", "off", "--report", "json", "--streams", "20",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    finally:
        server.end()
    report = json.loads(done.stdout)
    requests = [line for line in server.lines() if b"HTTP/2" in line]
    assert report["planned"] == 2500
    assert report["no_answer"] == {}
    assert len(requests) == report["sent"] == report["answered"] == report["codes"]["200"]
    assert report["sent"] + sum(report["dropped"].values()) == 2500
    assert report["protocol"] == {"http2": "h2", "h2c": "h2c"}[protocol]
