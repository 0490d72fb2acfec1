"""In which order a real Prometheus gives series: Grafana draws the rows of a heatmap so."""

import json
import time
import urllib.parse
import urllib.request

import pytest

from dashboards import style

pytestmark = pytest.mark.e2e


def codes(prometheus, expr):
    now = int(time.time())
    asked = urllib.parse.urlencode({"query": expr, "start": now - 60, "end": now, "step": 30})
    with urllib.request.urlopen(f"{prometheus}/api/v1/query_range?{asked}", timeout=20) as response:
        return [series["metric"]["code"] for series in json.load(response)["data"]["result"]]


def test_codes_come_in_the_order_of_their_numbers(real_prometheus):
    given = ["10", "-3", "2", "other", "100", "1", "30000", "E5", "21", "-10", "-2147467259", "2147483647", "0", "-12"]
    given += ["12ab", "-", "1.5", "-1", "-100", "-20"]
    every = " or ".join(f'label_replace(vector(1), "code", "{code}", "", "")' for code in given)
    assert codes(real_prometheus, every) != codes(real_prometheus, style.in_numeric_order(every, "code"))
    assert codes(real_prometheus, style.in_numeric_order(every, "code")) == [
        *("-2147467259", "-100", "-20", "-12", "-10", "-3", "-1"),
        *("0", "1", "2", "10", "21", "100", "30000", "2147483647"),
        *("-", "1.5", "12ab", "E5", "other"),
    ]
