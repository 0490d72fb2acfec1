"""The Grafana Foundation SDK, imported once.

Its v1 modules call themselves deprecated as they load; v1 is what we ship, because file provisioning reads it.
"""

import warnings

with warnings.catch_warnings():  # the SDK calls v1 deprecated as soon as it is imported; v1 is what we ship
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.builders import bargauge as bargauge_builder
    from grafana_foundation_sdk.builders import common as build_common
    from grafana_foundation_sdk.builders import dashboard as build_dashboard
    from grafana_foundation_sdk.builders import gauge as gauge_builder
    from grafana_foundation_sdk.builders import heatmap as heatmap_builder
    from grafana_foundation_sdk.builders import histogram as histogram_builder
    from grafana_foundation_sdk.builders import prometheus as build_prometheus
    from grafana_foundation_sdk.builders import stat as stat_builder
    from grafana_foundation_sdk.builders import statetimeline as statetimeline_builder
    from grafana_foundation_sdk.builders import statushistory as statushistory_builder
    from grafana_foundation_sdk.builders import table as table_builder
    from grafana_foundation_sdk.builders import text as text_builder
    from grafana_foundation_sdk.builders import timeseries as timeseries_builder
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models import (
        common,
        dashboard,
        prometheus,
    )
    from grafana_foundation_sdk.models import (
        heatmap as heatmap_model,
    )
    from grafana_foundation_sdk.models import (
        text as text_model,
    )

__all__ = [
    "JSONEncoder",
    "bargauge_builder",
    "build_common",
    "build_dashboard",
    "build_prometheus",
    "common",
    "dashboard",
    "gauge_builder",
    "heatmap_builder",
    "heatmap_model",
    "histogram_builder",
    "prometheus",
    "stat_builder",
    "statetimeline_builder",
    "statushistory_builder",
    "table_builder",
    "text_builder",
    "text_model",
    "timeseries_builder",
]
