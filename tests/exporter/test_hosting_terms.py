"""Promises and credits: exact arithmetic, the files that hold them, and what the report makes of them."""

import json
from datetime import UTC
from fractions import Fraction

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from exporter.hosting.cli import hosting
from exporter.hosting.termfiles import read_maintenance, read_plans
from exporter.hosting.terms import TASK, Terms, Tier, read_percent, read_tiers
from foundation.errors import ConfigError

DAY_S = 86_400
TIERS = (Tier(Fraction("99.9"), Fraction(10)), Tier(Fraction(99), Fraction(25)), Tier(Fraction(95), Fraction(100)))


@pytest.mark.parametrize(
    ("down_s", "broken", "credit"),
    [
        (0, False, 0),
        (86, False, 0),
        (87, True, 10),
        (864, True, 10),
        (865, True, 25),
        (4320, True, 25),
        (4321, True, 100),
    ],
)
def test_a_credit_begins_where_availability_is_below_its_tier(down_s, broken, credit):
    terms = Terms(Fraction("99.9"), TIERS)
    assert (terms.broken_by(down_s, DAY_S), terms.credit(down_s, DAY_S)) == (broken, credit)


@given(st.integers(0, DAY_S), st.integers(0, DAY_S), st.integers(101, 10_000))
def test_more_downtime_never_costs_less(less_s, more_s, promise):
    percent = Fraction(promise, 100)
    terms = Terms(percent, (Tier(percent, Fraction(5)), Tier(Fraction(1), Fraction(50))))
    less_s, more_s = sorted((less_s, more_s))
    assert terms.credit(less_s, DAY_S) <= terms.credit(more_s, DAY_S)
    assert terms.broken_by(less_s, DAY_S) <= terms.broken_by(more_s, DAY_S)
    assert terms.broken_by(more_s, DAY_S) == (terms.left(more_s, DAY_S) < 0) == (terms.credit(more_s, DAY_S) > 0)


@pytest.mark.parametrize("text", ["99.95", "99.95 %", "99,95", " 99.950%"])
def test_a_percentage_is_exact(text):
    assert read_percent(text) == Fraction(9995, 100)


@pytest.mark.parametrize("text", ["0.999", "100.1", "-5", "", "nan", "99.9.9", "three nines", "1e2"])
def test_what_is_no_percentage_is_refused(text):
    with pytest.raises(ValueError, match="invalid percentage"):
        read_percent(text)


@pytest.mark.parametrize("text", ["99.9:10,99.0:25,95.0:100", "95=100; 99.9=10; 99=25", "99.9%:10%|99%:25%|95%:100%"])
def test_tiers_are_read_in_any_order(text):
    assert read_tiers(text) == TIERS


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("99.9", "expected AVAILABILITY:CREDIT"),
        ("99.9:10,99.9:20", "duplicate credit"),
        ("99.9:10,99:5", "not more than the"),
    ],
)
def test_tiers_that_contradict_are_refused(text, why):
    with pytest.raises(ValueError, match=why):
        read_tiers(text)


def plans_of(tmp_path, text, name="plans.csv"):
    path = tmp_path / name
    path.write_text(text)
    return read_plans(str(path), TASK)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "plans.csv",
            'account,plan,promise,credits,timezone\n1,gold,,,Asia/Tokyo\n,gold,99.9,"99.9:10,99.0:25,95.0:100",\n2,,99.5%,,\n',
        ),
        (
            "plans.ndjson",
            (
                '{"plan": "gold", "promise": 99.9, "credits": "99.9:10,99:25,95:100"}\n'
                '{"account": 1, "plan": "gold", "zone": "Asia/Tokyo"}\n{"account": 2, "promise": 99.5}\n'
            ),
        ),
        (
            "plans.yml",
            (
                "- plan: gold\n  promise: 99.9\n  credits: {99.9: 10, 99.0: 25, 95.0: 100}\n"
                "- {account: 1, plan: gold, zone: Asia/Tokyo}\n- {account: 2, promise: 99.5}\n"
            ),
        ),
        (
            "plans.yaml",
            (
                "plans:\n- plan: gold\n  promise: 99.9\n  credits:\n  - {credit: 10, below: 99.9}\n"
                "  - {below: 99.0, credit: 25}\n  - 95:100\n"
                "- {account: 1, plan: gold, zone: Asia/Tokyo}\n- {account: [2], promise: 99.5}\n"
            ),
        ),
    ],
)
def test_an_account_has_its_own_terms_or_its_plans(tmp_path, name, text):
    plans = plans_of(tmp_path, text, name)
    assert plans.of(1) == Terms(Fraction("99.9"), TIERS, "gold", "Asia/Tokyo")
    assert plans.of(2) == Terms(Fraction("99.5"))
    assert plans.of(3) == TASK


def test_a_default_a_list_of_accounts_and_a_plan_of_nobody(tmp_path):
    text = "account;plan;promise;credits\n*;;99;\n3|4;;;98:50\n;silver;99,5;\n"
    plans = plans_of(tmp_path, text)
    assert plans.of(9).promise == 99
    assert plans.of(3) == plans.of(4) == Terms(Fraction(98), (Tier(Fraction(98), Fraction(50)),))
    assert plans.unused == ("silver",)


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ("1,,,", "neither a promise nor credits"),
        ("1,gold,,", "the plan 'gold' has no row"),
        ("1,,0.999,", "0.999 of 1 is 99.9"),
        ("one,,99.9,", "invalid id 'one'"),
        ("1,,99.9,\n1,,99.5,", "row 3: duplicate account 1"),
        (",gold,99,\n,gold,98,", "row 3: duplicate plan 'gold'"),
        ("1,,99.9,99.95:10", "above the promise"),
        (",,99.9,", "neither an account nor a plan"),
    ],
)
def test_terms_that_cannot_be_read_are_no_default(tmp_path, rows, why):
    with pytest.raises(ConfigError, match=why) as told:
        plans_of(tmp_path, f"account,plan,promise,credits\n{rows}\n")
    assert "plans.csv: row " in str(told.value)
    assert "\n" not in str(told.value)  # of which a terminal would show two characters


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("plans.csv", "account,promise,{}\n1,99.9,99:25\n"),
        ("plans.tsv", "account\tpromise\t{}\n1\t99.9\t99:25\n"),
        ("plans.ndjson", '{{"account": 1, "promise": 99.9}}\n{{"account": 2, "promise": 99.9, "{}": "99:25"}}\n'),
        ("plans.json", '[{{"account": 1, "promise": 99.9}}, {{"account": 2, "promise": 99.9, "{}": "99:25"}}]'),
        ("plans.yml", "- {{account: 1, promise: 99.9}}\n- {{account: 2, promise: 99.9, {}: '99:25'}}\n"),
    ],
)
@pytest.mark.parametrize(
    ("column", "hint"),
    [
        ("credts", "did you mean credits?"),
        ("Promis", "did you mean promise?"),
        ("wildly_other", "known: account, plan"),
    ],
)
def test_an_unknown_column_is_refused_with_the_near_name_in_every_form(tmp_path, name, text, column, hint):
    with pytest.raises(ConfigError) as told:
        plans_of(tmp_path, text.format(column), name)
    assert f"unknown column '{column}'; {hint}" in str(told.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("windows.csv", "server,start,end,until\n1,2026-11-01,2026-11-02,2026-11-03\n"),
        ("windows.ndjson", '{"server": 1, "start": "2026-11-01", "end": "2026-11-02", "until": "2026-11-03"}\n'),
        ("windows.yml", "- {server: 1, start: 2026-11-01, end: 2026-11-02, until: 2026-11-03}\n"),
    ],
)
def test_a_column_by_two_names_is_refused_in_every_form(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match=f"{name}.*'end' and 'until' are one column: expected one of them"):
        read_maintenance(str(tmp_path / name), UTC)


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """A day on server 0, silent 03:00 to 04:00 and 12:00 to 12:01, with three customers, one of the day before."""
    folder = tmp_path_factory.mktemp("day")
    text = [f"2024-03-01 {minute // 60:02}:{minute % 60:02}:00" for minute in range(1440)]
    events = [
        {"event": "heartbeat", "serverId": 0, "workload": 0.5, "time": text[minute]}
        for minute in range(1440)
        if not 180 <= minute < 240 and minute != 720
    ]
    for account, time in ((1, text[0]), (2, text[300]), (3, "2024-02-29 12:00:00")):
        events.append({"event": "createAccount", "accountId": account, "accountName": f"C{account}", "time": time})
        events.append({"event": "route", "accountId": account, "serverId": 0, "time": time})
    (folder / "logs.json").write_text("".join(json.dumps(event) + "\n" for event in events))
    (folder / "maintenance.csv").write_text(
        "server,start,end\n0,2024-03-01 03:00,2024-03-01 04:00\n7,2024-03-01,2024-03-02\n"
    )
    (folder / "plans.csv").write_text('account,promise,credits\n1,99.99,"99.99:5,99:50"\n8,99,\n')
    return folder


CYCLE = ("--cycle-start", "2024-03-01", "--cycle-end", "2024-03-02")


def run(day, *arguments):
    files = [str(day / one) if one.endswith((".csv", "logs.json")) else one for one in arguments]
    return CliRunner(catch_exceptions=True).invoke(hosting, ["report", str(day / "logs.json"), *CYCLE, *files])


def test_the_report_sets_maintenance_apart(day):
    result = run(day, "--maintenance", "maintenance.csv", "--format", "json")
    report = json.loads(result.stdout)
    rows = {row["account_id"]: row for row in report["accounts"]}
    first = rows[1]
    assert (first["downtime_minutes"], first["maintenance_minutes"], first["violates_cycle"]) == (1, 60, False)
    assert first["lifetime_minutes"] == 1440
    assert rows[2]["maintenance_minutes"] == 0
    assert rows[3]["lifetime_minutes"] == 1440
    assert [(o["account_id"], o["start"], o["end"]) for o in report["outages"]] == [
        (account, "2024-03-01T12:00:00Z", "2024-03-01T12:01:00Z") for account in (1, 2, 3)
    ]
    assert report["servers"][0]["maintenance_minutes"] == 60
    assert report["caveats"] == ["servers under maintenance that the log does not have: 7"]


def test_a_promise_is_for_all(day):
    assert "Allowed downtime: 0.05 % of the cycle = 0.72 minutes" in run(day, "--promise", "99.95").stdout
    strict = run(day, "--promise", "99.95", "--maintenance", "maintenance.csv").stdout
    assert "3 of 3 customers had more than 0.72 minutes" in strict


def test_promises_and_credits_stand_beside_each_customer(day):
    result = run(day, "--maintenance", "maintenance.csv", "--plans", "plans.csv")
    lines = result.stdout.splitlines()
    assert "1 of 3 customers had more than what their plan allows of downtime: C1 (1)." in lines
    assert next(line for line in lines if line.startswith(" 1 ")).split()[-5:] == ["%", "0.14", "5", "%", "VIOLATED"]
    assert next(line for line in lines if line.startswith(" 2 ")).split()[-4:] == ["99.9", "%", "1.44", "-"]
    assert "Note: accounts of the plans that the log does not have: 8" in lines


def test_a_page_has_maintenance_promises_and_credits(day):
    page = run(day, "--maintenance", "maintenance.csv", "--plans", "plans.csv", "--format", "html").stdout
    for words in ("maintenance</th>", "credit</th>", "99.99 %", "announced maintenance, which is no downtime"):
        assert words in page


@pytest.mark.parametrize(("name", "first"), [("outages", "account_id,account_name,start"), ("outages.json", "[")])
def test_outages_are_a_file(day, tmp_path, name, first):
    path = tmp_path / name
    result = run(day, "--maintenance", "maintenance.csv", "--outages", str(path))
    assert result.exit_code == 0
    assert path.read_text().startswith(first)
    assert path.read_text().count("2024-03-01T12:01:00Z") == 3


@pytest.mark.parametrize(
    ("arguments", "want", "ends"),
    [
        (("--promise", "0.999"), "0.999 of 1 is 99.9", 2),
        (("--plans", "maintenance.csv"), "no known column: expected the columns account, plan", 2),
        (("--maintenance", "absent.csv"), "absent.csv: No such file", 3),
    ],
)
def test_terms_that_cannot_be_read_end_the_command(day, arguments, want, ends):
    result = run(day, *arguments)
    code = result.exit_code if result.exit_code != 1 else result.exception.exit_code  # as the program maps it
    assert code == ends
    assert want in (result.stderr or str(result.exception))


def test_a_cell_that_is_nested_too_deeply_is_refused_as_text(tmp_path):
    with pytest.raises(ConfigError, match=r"row 2: invalid credits '\[\[.*expected AVAILABILITY:CREDIT"):
        plans_of(tmp_path, 'account,credits\n1,"' + "[" * 5000 + '"\n')


def test_what_a_row_may_hold_is_named_where_no_column_is_required(tmp_path):
    with pytest.raises(ConfigError, match=r"expected objects with any of account, plan, .*; row 1: not UTF-8"):
        read_plans(str(write(tmp_path / "plans.json", b'[{"account": "\xff"}]')), TASK)


def write(path, content):
    path.write_bytes(content)
    return path
