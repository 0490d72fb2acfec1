"""What docker-compose.yml promises, as far as it can be read: safe services, pinned versions, one configuration."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from honcho.environ import parse, parse_procfile

from alerts import render

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
PINS = parse((ROOT / ".env").read_text())
ONE_SHOT = {"config", "check"}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_can_do_no_more_than_it_must(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["image"] == "tidewatch" or re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"]), "not root"
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert {"mem_limit", "pids_limit", "logging"} <= service.keys()


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - ONE_SHOT))
def test_a_service_tells_how_it_is(name):
    service = SERVICES[name]
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert "healthcheck" in service or (service["image"] == "tidewatch" and "HEALTHCHECK" in dockerfile)


def test_the_image_does_not_run_as_root():
    users = re.findall(r"^USER (.*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert users == ["10001:10001"]


DIGEST = r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}"


def test_every_foreign_image_is_named_by_version_and_digest():
    for service in SERVICES.values():
        if service["image"] != "tidewatch":
            variable = re.fullmatch(r"\$\{(\w+)\}", service["image"])
            assert variable, service["image"]
            assert re.fullmatch(DIGEST, PINS[variable[1]])


def test_everything_in_our_image_is_named_by_its_hash():
    """The base by digest; every package that pip fetches by the hashes of a lock."""
    dockerfile = (ROOT / "Dockerfile").read_text()
    (base,) = re.findall(r"^ARG PYTHON_IMAGE=(.*)$", dockerfile, re.MULTILINE)
    assert re.fullmatch(DIGEST, base)
    stages = set(re.findall(r"^FROM \S+ AS (\S+)$", dockerfile, re.MULTILINE))
    assert set(re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)) - stages == {"${PYTHON_IMAGE}"}
    installs = re.findall(r"pip (?:install|wheel)[^&\n]*", dockerfile)
    assert installs
    for command in installs:
        assert "--require-hashes" in command or "--no-index" in command or "--no-build-isolation" in command
    for lock in re.findall(r"-r (\S+)", dockerfile):
        packages = re.split(r"\n(?=\S)", (ROOT / lock).read_text().strip())
        assert all("--hash=sha256:" in package for package in packages)


def test_the_image_of_the_exporter_alone_has_the_core_and_the_last_one_everything():
    stages = re.split(r"^FROM ", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    made = {stage.split("\n", 1)[0].rpartition(" AS ")[2]: stage for stage in stages}
    assert re.findall(r"-r (\S+)", made["core"]) == ["requirements.txt"]
    assert re.findall(r"-r (\S+)", made["all"]) == ["requirements-all.txt"]
    assert re.findall(r"--from=(\w+)", made["exporter"]) == ["core"]
    assert stages[-1].startswith("base\n")
    assert re.findall(r"--from=(\w+)", stages[-1]) == ["all"]


def test_the_configuration_of_the_containers_names_services(tmp_path):
    module, folder, *pairs = SERVICES["config"]["command"][2:]
    assert (module, folder) == ("alerts.render", "/config")
    assert render.main([str(tmp_path), *pairs]) == 0
    scraped = yaml.safe_load((tmp_path / "alerts/prometheus.yml").read_text())
    jobs = [group for job in scraped["scrape_configs"] for group in job.get("static_configs", ())]
    names = {target.partition(":")[0] for group in jobs for target in group["targets"]}
    assert names <= SERVICES.keys()
    assert {"timeserver", "trafficgen", "exporter"} <= names
    told = (tmp_path / "alerts/alertmanager.yml").read_text() + (tmp_path / "exporter/demo.yml").read_text()
    assert "127.0.0.1" not in told.replace("http://127.0.0.1:8094/runbooks", "")
    assert "http://receiver:8094/" in told
    assert ".tidewatch" not in told


@pytest.mark.parametrize(
    ("service", "part"),
    [(name, {"trafficgen": "traffic"}.get(name, name)) for name in ("timeserver", "trafficgen", "prometheus")],
)
def test_the_containers_run_with_the_flags_of_the_demo(service, part):
    """Addresses and paths aside, which must differ."""
    procfile = parse_procfile((ROOT / "Procfile").read_text()).processes[part]
    ours = " ".join(SERVICES[service]["command"])
    shared = [
        w for w in re.split(r" (?=--)", procfile)[1:] if not re.search(r"127\.0|tidewatch|alerts/|--port|--wait", w)
    ]
    assert shared
    for flag in shared:
        assert flag.replace(" ", "=") in ours


def test_grafana_has_the_same_settings_in_a_container_and_in_the_demo():
    """Both read one file, and neither sets anything more than where it listens, where things are, and how it logs."""
    service = SERVICES["grafana"]
    mounts = dict(volume.split(":")[:2] for volume in service["volumes"])
    assert mounts["./dashboards/grafana/grafana.ini"] == "/etc/grafana/grafana.ini"
    assert not [name for name in service["environment"] if name.startswith("GF_")]
    command = parse_procfile((ROOT / "Procfile").read_text()).processes["grafana"]
    variables = dict(re.findall(r"([A-Z_]+)=(\S+)", command))
    assert variables.keys() == service["environment"].keys()
    words = shlex.split(command.replace("$PWD", str(ROOT)))
    assert words[words.index("--config") + 1] == str(ROOT / "dashboards/grafana/grafana.ini")
    own = {word.removeprefix("cfg:").partition("=")[0] for word in words if word.startswith("cfg:")}
    places = {"server.http_addr", "server.http_port", "paths.data", "paths.plugins", "paths.provisioning"}
    assert own == places | {"log.mode", "log.console.format"}
    in_container = {mounts[f"./dashboards/{name}"] for name in ("json", "grafana/provisioning")}
    assert in_container == {service["environment"]["TIDEWATCH_BOARDS"], "/etc/grafana/provisioning"}
    docs = (ROOT / "docs/dashboards.md").read_text()
    assert all(f"`{place}`" in docs for place in (*in_container, "/etc/grafana/grafana.ini"))


def test_every_service_answers_under_the_name_that_others_know(tmp_path):
    """Whoever is asked by the name of the network must allow it as Host."""
    render.main([str(tmp_path), *SERVICES["config"]["command"][4:]])
    texts = [path.read_text() for path in tmp_path.rglob("*.yml")]
    texts += [str(service.get("command", "")) for service in SERVICES.values()]
    ours = {name for name, service in SERVICES.items() if service["image"] == "tidewatch"}
    asked = {name for text in texts for name in re.findall(r"([a-z]+):\d{4}", text)} & ours
    assert asked == {"timeserver", "trafficgen", "exporter", "receiver"}
    takers = {"trafficgen": ["trafficgen", "check"]}  # the check takes the generator's place
    for name in asked:
        for taker in takers.get(name, [name]):
            assert f"--web.allowed-host={name}" in SERVICES[taker]["command"], taker
