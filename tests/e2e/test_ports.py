import os
import socket

from ports import Holder, free_ports, holder, is_taken


def test_a_taken_port_tells_its_process():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert is_taken(port)
        got = holder(port)
    assert got is not None
    assert got.pid == os.getpid()
    assert "python" in got.command


def test_a_port_that_is_taken_on_all_addresses_is_taken():
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        port = server.getsockname()[1]
        assert is_taken(port)
        assert holder(port) is not None


def test_a_free_port_has_no_holder():
    (port,) = free_ports(1)
    assert not is_taken(port)
    assert holder(port) is None


def test_free_ports_differ():
    assert len(set(free_ports(20))) == 20


def test_a_holder_says_what_to_do():
    assert str(Holder("web", 7, "nginx")) == "pid 7 (nginx)"
    assert "systemctl disable --now prometheus.service" in str(Holder("web", 7, "prometheus", "prometheus.service"))
    assert "run with sudo" in str(Holder("web"))
