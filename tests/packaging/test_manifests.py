"""The manifests of packaging/kubernetes are valid, safe and consistent, and the programs accept their arguments."""

import re

import kubernetes_validate
import pytest
import re2
import yaml
from manifests import FILES, FOLDER, OLDEST, RESOURCES, ROOT, containers, documents, everything, pods

from exporter.check import check_files
from exporter.cli import cli
from exporter.daemon import Options
from foundation.web.sites import Hosts
from timeserver.cli import command as timeserver

NODE = documents("base/daemonset.yaml")["DaemonSet", "tidewatch-exporter"]
PODS = pods()
OF_OPERATOR = {"ServiceMonitor"}


def arguments(container, namespace="tidewatch"):
    """The arguments with their variables replaced, as the kubelet does it."""
    return [text.replace("$(POD_NAMESPACE)", namespace) for text in container["args"]]


@pytest.mark.parametrize("name", RESOURCES)
@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
def test_the_published_schemas_know_every_field(name, version):
    for (kind, _), one in documents(name).items():
        if kind not in OF_OPERATOR:
            kubernetes_validate.validate(one, version, strict=True)


def test_every_file_is_in_a_kustomization_and_every_entry_of_one_is_there():
    """A list field names files of the same folder, or other folders that have a kustomization."""
    used = set()
    for name in (name for name in FILES if name.endswith("kustomization.yaml")):
        folder = (FOLDER / name).parent
        text = yaml.safe_load((FOLDER / name).read_text("utf-8"))
        named = [*text.get("resources", ()), *text.get("components", ())]
        named += [file for one in text.get("configMapGenerator", ()) for file in one["files"]]
        for path in (folder / entry for entry in named):
            assert path.exists(), f"{name}: {path}"
            assert path.is_file() or (path / "kustomization.yaml").is_file()
            assert path.is_dir() or path.parent == folder, f"{name}: kustomize takes no file of another folder"
            used.add(path.resolve())
    assert {FOLDER / name for name in RESOURCES} <= used


@pytest.mark.parametrize("name", PODS)
def test_a_pod_can_do_no_more_than_it_must(name):
    """The "restricted" standard, except for folders of the node and the container that owns the state's folder."""
    pod = PODS[name]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not pod.keys() & {"hostNetwork", "hostPID", "hostIPC", "hostUsers"}
    for one in containers(pod).values():
        context = one["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"]["drop"] == ["ALL"]
        if one["name"] != "state":
            assert context.keys() == {"allowPrivilegeEscalation", "readOnlyRootFilesystem", "capabilities"}
            assert context["capabilities"].keys() == {"drop"}
        assert one["resources"]["requests"].keys() == {"cpu", "memory"}
        assert "memory" in one["resources"]["limits"]
        assert one["image"] == "tidewatch"
    mounted = {mount["name"] for one in containers(pod).values() for mount in one["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}
    assert "\nUSER 10001:10001\n" in (ROOT / "Dockerfile").read_text("utf-8")


def test_of_the_node_a_pod_can_change_its_own_state_alone():
    pod = NODE["spec"]["template"]["spec"]
    folders = {volume["name"]: volume["hostPath"]["path"] for volume in pod["volumes"] if "hostPath" in volume}
    assert folders == {name: f"/var/log/{name}" for name in ("containers", "pods")} | {"state": "/var/lib/tidewatch"}
    mounts = [mount for one in containers(pod).values() for mount in one["volumeMounts"]]
    written = {mount["name"] for mount in mounts if mount["name"] in folders and not mount.get("readOnly")}
    assert written == {"state"}
    assert {mount["name"]: mount["mountPath"] for mount in mounts if mount["name"] in folders} == folders
    state = containers(pod)["state"]
    assert state["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["CHOWN"]}
    assert state["command"] == ["chown", str(pod["securityContext"]["runAsUser"]), folders["state"]]
    assert not any(
        "hostPath" in volume for name in PODS.keys() - {"tidewatch-exporter"} for volume in PODS[name]["volumes"]
    )


def test_no_two_exporters_have_one_state_at_a_time():
    assert NODE["spec"]["updateStrategy"]["rollingUpdate"]["maxSurge"] == 0


@pytest.mark.parametrize(("pod", "name"), [("tidewatch-exporter", "exporter"), ("site", "exporter"), ("site", "site")])
def test_the_program_takes_its_arguments_and_its_probes_and_ports_are_where_it_listens(pod, name):
    one = containers(PODS[pod])[name]
    command = {"exporter": cli, "timeserver": timeserver}[one["command"][0]]
    with command.make_context(one["command"][0], arguments(one)) as context:
        listen = context.params.get("listen")
        port = int(str(listen[0]).rpartition(":")[2]) if listen else context.params["port"]
    assert [(port["name"], port["containerPort"]) for port in one["ports"]] == [(one["ports"][0]["name"], port)]
    probes = {key: one[key]["httpGet"] for key in one if key.endswith("Probe")}
    assert {probe["port"] for probe in probes.values()} == {one["ports"][0]["name"]}
    want = {"startupProbe": "/-/healthy", "livenessProbe": "/-/healthy", "readinessProbe": "/-/ready"}
    if name == "site":
        want = {"readinessProbe": "/-/healthy"}
    elif pod == "site":  # a Service leads people to the application whether or not its metrics are ready
        del want["readinessProbe"]
    assert {key: probe["path"] for key, probe in probes.items()} == want


@pytest.mark.parametrize("folder", ["base", "sidecar"])
def test_the_configuration_is_mounted_where_it_is_read_and_is_valid(folder):
    kustomization = yaml.safe_load((FOLDER / folder / "kustomization.yaml").read_text("utf-8"))
    (generated,) = kustomization["configMapGenerator"]
    pod = PODS["tidewatch-exporter" if folder == "base" else "site"]
    (volume,) = (one for one in pod["volumes"] if one["name"] == "config")
    assert (volume["configMap"]["name"], generated["files"]) == (generated["name"], ["exporter.yml"])
    exporter = containers(pod)["exporter"]
    (mount,) = (one for one in exporter["volumeMounts"] if one["name"] == "config")
    assert f"--config.file={mount['mountPath']}/exporter.yml" in exporter["args"]
    config = check_files(Options(config_file=FOLDER / folder / "exporter.yml"))
    (state,) = (one for one in exporter["volumeMounts"] if one["name"] == "state")
    assert config.state_dir == f"{state['mountPath']}/state"


@pytest.mark.parametrize(
    ("host", "answered"),
    [
        ("192.0.2.7:8090", True),  # Prometheus and the kubelet, by the pod's address
        ("[2001:db8::7]:8090", True),
        ("localhost:8090", True),  # kubectl port-forward
        ("tidewatch-exporter:8090", True),
        ("tidewatch-exporter.tidewatch:8090", True),
        ("tidewatch-exporter.tidewatch.svc:8090", True),
        ("tidewatch-exporter.tidewatch.svc.cluster.local:8090", True),
        ("tidewatch-exporter.other.svc:8090", False),
        ("tidewatch-exporter.example.org:8090", False),
    ],
)
def test_the_exporter_answers_to_whoever_asks_for_it_in_a_cluster(host, answered):
    one = containers(PODS["tidewatch-exporter"])["exporter"]
    with cli.make_context("exporter", arguments(one)) as context:
        assert (host in Hosts(context.params["allowed_hosts"], "tidewatch-exporter-x2x9z")) is answered


@pytest.mark.parametrize(
    ("pod", "app"),
    [
        ("web-7d9f8c6b5-x2x9z", "web"),  # of a Deployment
        ("shop-api-6c5d4f7b8d-2cv8r", "shop-api"),
        ("kube-proxy-x2x9z", "kube-proxy"),  # of a DaemonSet
        ("db-0", "db"),  # of a StatefulSet
        ("db-12", "db"),
        ("etcd-control-plane", "etcd-control-plane"),  # of a node itself
        ("my-cache", "my-cache"),
        ("web", "web"),
    ],
)
def test_the_label_of_a_pod_is_what_stays_over_rollouts(pod, app):
    (source,) = yaml.safe_load((FOLDER / "base/exporter.yml").read_text("utf-8"))["accesslog"]
    label = source["labels"]["app"]
    found = re2.fullmatch(label["match"], pod)
    assert (label["replace"], found and found[1]) == (r"\1", app)


def test_services_lead_to_the_pods_and_prometheus_to_the_services():
    """The job is the label of the Services, and the one that the rules select."""
    resources = everything()
    templates = [one["spec"]["template"] for one in resources.values() if "template" in one.get("spec", {})]
    monitor = resources["ServiceMonitor", "tidewatch-exporter"]["spec"]
    scraped = 0
    for service in (one for (kind, _), one in resources.items() if kind == "Service"):
        (template,) = (
            one for one in templates if service["spec"]["selector"].items() <= one["metadata"]["labels"].items()
        )
        ports = {port["name"] for one in containers(template["spec"]).values() for port in one.get("ports", ())}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
        if monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items():
            scraped += 1
            assert service["metadata"]["labels"][monitor["jobLabel"]] == "tidewatch-exporter"
            assert [port["name"] for port in service["spec"]["ports"]] == [monitor["endpoints"][0]["port"]]
    assert scraped == 2


def test_no_series_has_the_namespace_of_a_log_and_the_pod_of_the_exporter():
    """The operator gives each target these labels; of them a log's own take the place of some, and not of all."""
    (endpoint,) = everything()["ServiceMonitor", "tidewatch-exporter"]["spec"]["endpoints"]
    (dropped,) = (one["regex"] for one in endpoint["relabelings"] if one.get("action") == "labeldrop")
    given = ("namespace", "pod", "container", "service", "endpoint", "job", "instance", "node")
    assert endpoint["honorLabels"] is True
    assert [label for label in given if not re2.fullmatch(dropped, label)] == ["namespace", "job", "instance", "node"]


def test_no_manifest_holds_a_secret():
    assert "Secret" not in {kind for kind, _ in everything()}
    words = [*(one for pod in PODS.values() for each in containers(pod).values() for one in each.get("args", ()))]
    assert words
    for word in words:
        assert not re.search(r"token|password|authorization|cookie|://[^/]*@", word, re.IGNORECASE), word
