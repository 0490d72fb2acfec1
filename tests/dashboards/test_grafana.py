"""The provisioning files say what docker-compose and the demo rely on."""

import json
from configparser import ConfigParser
from pathlib import Path

import pytest
import yaml

import dashboards

HERE = Path(dashboards.__file__).parent
FOLDER = HERE / "grafana" / "provisioning"


@pytest.fixture(scope="module")
def datasources():
    return {
        one["type"]: one for one in yaml.safe_load((FOLDER / "datasources/tidewatch.yml").read_text())["datasources"]
    }


def test_boards_are_read_only():
    [provider] = yaml.safe_load((FOLDER / "dashboards/tidewatch.yml").read_text())["providers"]
    assert provider["allowUiUpdates"] is False
    assert provider["disableDeletion"] is True
    assert provider["folderUid"] not in {path.stem for path in (HERE / "json").iterdir()}, "or Grafana drops that board"


def test_datasources_have_fixed_uids_and_cannot_be_edited(datasources):
    assert {one["uid"] for one in datasources.values()} == {"tidewatch-prometheus", "tidewatch-alertmanager"}
    assert [one["editable"] for one in datasources.values()] == [False, False]
    assert datasources["prometheus"]["isDefault"] is True


def test_grafanas_scrape_interval_is_prometheuss(datasources):
    config = FOLDER.parents[2] / "alerts" / "prometheus.yml"
    if not config.exists():
        pytest.skip("alerts/prometheus.yml is not there")
    interval = yaml.safe_load(config.read_text())["global"]["scrape_interval"]
    assert datasources["prometheus"]["jsonData"]["timeInterval"] == interval


def test_grafana_expands_plain_variables_only(datasources):
    """Grafana knows ${NAME}, and would take ${NAME:-default} as it stands."""
    assert [":-" in one["url"] for one in datasources.values()] == [False, False]


@pytest.fixture(scope="module")
def settings():
    parser = ConfigParser(interpolation=None)
    parser.read_string((HERE / "grafana" / "grafana.ini").read_text())
    return {f"{section} {key}": value for section in parser.sections() for key, value in parser[section].items()}


def test_grafana_opens_on_home(settings):
    folder, _, name = settings["dashboards default_home_dashboard_path"].rpartition("/")
    assert folder == "${TIDEWATCH_BOARDS}", "what Grafana itself expands"
    assert json.loads((HERE / "json" / name).read_text())["uid"] == "tidewatch"


def test_anybody_may_look_and_nobody_can_log_in(settings):
    said = {key: value for key, value in settings.items() if key.startswith(("auth", "security disable_initial"))}
    assert said == {
        "auth disable_login": "true",
        "auth disable_login_form": "true",
        "auth.anonymous enabled": "true",
        "auth.anonymous org_role": "Viewer",
        "auth.basic enabled": "false",
        "security disable_initial_admin_creation": "true",
    }


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("analytics reporting_enabled", "false"),
        ("analytics check_for_updates", "false"),
        ("analytics check_for_plugin_updates", "false"),
        ("news news_feed_enabled", "false"),
        ("plugins plugin_admin_enabled", "false"),
        ("plugins preinstall_disabled", "true"),
        ("plugins public_key_retrieval_disabled", "true"),
        ("security disable_gravatar", "true"),
        ("snapshots external_enabled", "false"),
        ("log level", "warn"),
    ],
)
def test_grafana_calls_nobody_and_logs_little(settings, key, value):
    assert settings[key] == value


def test_every_folder_that_grafana_looks_for_is_there():
    """It logs an error for each that is not, and for a file that is not YAML."""
    assert {folder.name for folder in FOLDER.iterdir()} == {"alerting", "dashboards", "datasources", "plugins"}
    for file in (path for path in FOLDER.rglob("*") if path.is_file()):
        assert file.suffix == ".yml"
        assert yaml.safe_load(file.read_text())["apiVersion"] == 1
