"""One cause is one message: what each alert mutes, asked of a real Alertmanager, and what it groups."""

import pytest
from aiohttp import web
from programs import ALERTMANAGER, alertmanager, serving, until

from alerts.render import render
from alerts.rulefiles import every_alert

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(not ALERTMANAGER, reason="alertmanager is not on PATH")]

ALERTS = [alert for alert in every_alert() if "slo" not in alert.labels and alert.alert != "Watchdog"]
TRAFFIC = {alert.alert for alert in ALERTS if alert.alert.startswith("SiteTraffic")}
TREE = (  # a cause by its name and more of its labels, and all that it mutes of the same source
    (
        "TargetDown",
        {"job": "timeserver"},
        {*TRAFFIC, "SiteErrorRatioChanged", "LogStalled", "StatsPageUnreachable", "GeneratorUnanswered"},
    ),
    ("TargetDown", {"job": "other"}, set()),
    ("TargetDown", {"job": "exporter", "others": "up"}, set()),
    ("LogUnreadable", {"system": "site"}, {*TRAFFIC, "LogStalled", "LogBehind", "LogAndStatsDisagree"}),
    ("LogUnreadable", {"system": "hosting"}, {"HostingLogStalled"}),
    ("LogUnreadable", {"system": "releases"}, {"ReleaseStreamStalled"}),
    ("LogStalled", {}, {*TRAFFIC, "LogBehind", "LogAndStatsDisagree"}),
    ("LogBehind", {"system": "site"}, {"LogAndStatsDisagree"}),
    ("LogBehind", {"system": "hosting"}, set()),
    ("LabelsFolding", {}, set()),
    ("GeneratorSaturated", {}, set()),
    ("CheckpointProblems", {}, {"CheckpointOld"}),
    (
        "SiteTrafficStopped",
        {},
        {"SiteTrafficBelowPlan", "SiteTrafficDropped", "StatsPageUnreachable", "GeneratorUnanswered"},
    ),
    ("SiteTrafficBelowPlan", {}, {"SiteTrafficDropped", "GeneratorUnanswered"}),
    ("SiteTrafficDropped", {}, set()),
    ("SiteErrorRatioHigh", {}, {"SiteErrorRatioChanged"}),
    ("StoreIngestStale", {}, {"StorePollsMissing", "StoreCoverageLow"}),
)
LOUDEST_LAST = sorted(ALERTS, key=lambda alert: alert.labels["severity"] == "page")
LABELS = {alert.alert: {"alertname": alert.alert, **alert.labels} for alert in LOUDEST_LAST}


def without_text(labels):
    return labels, {}


async def muted(running):
    """(source, name) of each alert that another one mutes."""
    return {
        (alert["labels"].get("source"), alert["labels"]["alertname"])
        for alert in await running.alerts()
        if alert["status"]["inhibitedBy"]
    }


async def test_a_cause_mutes_what_follows_from_it_and_nothing_else(tmp_path):
    """Each pair of a cause and another alert has a source of its own, so that no third alert mutes."""
    render(tmp_path, {"group_wait: 1s": "group_wait: 1h"})
    pairs = {
        (f"{number} {effect}", effect): {**LABELS[cause], **more}
        for number, (cause, more, _) in enumerate(TREE)
        for effect in LABELS
        if effect != cause
    }
    want = {(f"{number} {effect}", effect) for number, (_, _, effects) in enumerate(TREE) for effect in effects}
    assert want <= pairs.keys(), "nothing mutes itself"
    posted = [
        without_text({**labels, "source": source, "instance": source})
        for (source, effect), cause in pairs.items()
        for labels in (cause, LABELS[effect])
    ]
    async with alertmanager(tmp_path, tmp_path / "alerts" / "alertmanager.yml") as running:
        await running.post(*posted)
        got = await until(lambda: muted(running), lambda got: len(got & pairs.keys()) >= len(want))
        assert got & pairs.keys() == want


@pytest.mark.parametrize("cause", ["TargetDown", "TargetMissing"])
async def test_without_the_exporter_all_that_comes_through_it_is_muted(tmp_path, cause):
    render(tmp_path, {"group_wait: 1s": "group_wait: 1h"})
    through = {(name, name) for name, labels in LABELS.items() if labels.get("via") == "exporter"}
    async with alertmanager(tmp_path, tmp_path / "alerts" / "alertmanager.yml") as running:
        await running.post(*(without_text({**labels, "source": name}) for name, labels in LABELS.items()))
        await running.post(without_text({**LABELS[cause], "job": "exporter"}))
        assert await until(lambda: muted(running), lambda got: len(got) >= len(through)) == through


async def test_what_fails_of_one_source_is_one_page_and_its_end_another(tmp_path):
    messages = []

    async def take(request):
        messages.append(await request.json())
        return web.Response(text="ok")

    async def pages():
        return [(m["status"], *sorted(names(m))) for m in messages if m["receiver"] == "page"]

    async def tickets():
        return {name for m in messages if m["receiver"] == "ticket" for name in names(m)}

    def names(message):
        return [alert["labels"]["alertname"] for alert in message["alerts"]]

    def of_shop(*alerts):
        return [without_text({**LABELS[name], "source": "shop"}) for name in alerts]

    down = [without_text({**LABELS["TargetDown"], "job": "shop", "instance": name}) for name in "ab"]
    causes = [*of_shop("SiteTrafficStopped", "SiteErrorRatioHigh", "SiteTrafficBelowPlan"), *down]
    effects = of_shop("SiteTrafficDropped", "StatsPageUnreachable")
    waits = {"group_wait: 1s": "group_wait: 2s", "group_interval: 5s": "group_interval: 300ms"}
    async with serving([web.post("/{any:.*}", take)]) as port:
        render(tmp_path, {"127.0.0.1:8094": f"127.0.0.1:{port}", **waits})
        async with alertmanager(tmp_path, tmp_path / "alerts" / "alertmanager.yml") as running:
            await running.post(*causes)
            # Both causes of the shop in one message, in which the muted one is not; both instances of a job in another.
            want = {("firing", "SiteErrorRatioHigh", "SiteTrafficStopped"), ("firing", "TargetDown", "TargetDown")}
            assert set(await until(pages, lambda got: len(got) == 2)) == want

            # What follows comes later and is muted. A ticket that is not shows that its time has passed.
            await running.post(*effects)
            await running.post(*of_shop("LogLinesFailed"))
            await until(tickets, bool)
            await running.post(*effects, over=True)
            await running.post(*causes, over=True)
            got = await until(pages, lambda got: len(got) >= 4)
            assert [status for status, *_ in got] == ["firing", "firing", "resolved", "resolved"]
            assert await tickets() == {"LogLinesFailed"}


async def test_a_budget_that_burns_is_one_message_and_mutes_no_other_budget(tmp_path):
    """Of an account's six alerts the quickest burn and the spent budget stay; of a site, the errors that burn it."""
    render(tmp_path, {"group_wait: 1s": "group_wait: 1h"})
    slo = {(a.labels["slo"], a.alert): {"alertname": a.alert, **a.labels} for a in every_alert() if "slo" in a.labels}
    accounts = [
        {**labels, "source": "platform", "account_id": account}
        for account, told in (("7", None), ("8", {"SloBurn3", "SloBudgetLow"}))
        for (name, alert), labels in slo.items()
        if name == "hosting-availability" and (told is None or alert in told)
    ]
    site = [{**slo["site-availability", "SloBurn14"], "source": source} for source in ("shop", "other")]
    errors = {**LABELS["SiteErrorRatioHigh"], "source": "shop"}

    async def muted_budgets():
        found = [alert for alert in await running.alerts() if alert["status"]["inhibitedBy"]]
        return {(a["labels"].get("account_id") or a["labels"]["source"], a["labels"]["alertname"]) for a in found}

    want = {("7", "SloBurn6"), ("7", "SloBurn3"), ("7", "SloBurn1"), ("7", "SloBudgetLow"), ("shop", "SloBurn14")}
    async with alertmanager(tmp_path, tmp_path / "alerts" / "alertmanager.yml") as running:
        await running.post(*map(without_text, (*accounts, *site, errors)))
        assert await until(muted_budgets, lambda got: len(got) >= len(want)) == want
