"""The provisioning files say what docker-compose and the demo rely on."""

from pathlib import Path

import pytest
import yaml

import dashboards

FOLDER = Path(dashboards.__file__).parent / "grafana" / "provisioning"


@pytest.fixture(scope="module")
def datasources():
    return {
        one["type"]: one for one in yaml.safe_load((FOLDER / "datasources/tidewatch.yml").read_text())["datasources"]
    }


def test_boards_are_read_only():
    [provider] = yaml.safe_load((FOLDER / "dashboards/tidewatch.yml").read_text())["providers"]
    assert provider["allowUiUpdates"] is False
    assert provider["disableDeletion"] is True
    assert provider["folderUid"] == "tidewatch"


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
