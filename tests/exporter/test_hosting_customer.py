"""One customer's document: what is in it, in their zone and language, and that nobody else is."""

import json
import re

import pytest
from click.testing import CliRunner
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties

from exporter.hosting.cli import hosting
from exporter.hosting.render import customer, picture
from foundation.errors import ConfigError

CYCLE = ("--cycle-start", "2024-03-01", "--cycle-end", "2024-03-02")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A day on server 40: silent 03:00 to 04:00, which is announced, and 12:00 to 12:02; two customers."""
    folder = tmp_path_factory.mktemp("customers")
    beats = [
        {"event": "heartbeat", "serverId": 40, "workload": 0.5, "time": f"2024-03-01 {m // 60:02}:{m % 60:02}:00"}
        for m in range(1440)
        if not 180 <= m < 240 and m not in {720, 721}
    ]
    for account, name in ((771, "Zoë Σ"), (882, "Other & Sons")):
        beats.append(
            {"event": "createAccount", "accountId": account, "accountName": name, "time": "2024-02-01 00:00:00"}
        )
        beats.append({"event": "route", "accountId": account, "serverId": 40, "time": "2024-02-01 00:00:00"})
    (folder / "logs.json").write_text("".join(json.dumps(event) + "\n" for event in beats))
    (folder / "maintenance.csv").write_text("server,start,end,reason\n40,2024-03-01 03:00,2024-03-01 04:00,for Other\n")
    (folder / "plans.csv").write_text(
        'account,plan,promise,credits,zone,language\n771,gold,99.9,"99.9:10,99:25",Europe/Berlin,de\n882,lead,98,,,\n'
    )
    return folder


def run(folder, *arguments):
    files = ("--maintenance", str(folder / "maintenance.csv"), "--plans", str(folder / "plans.csv"))
    return CliRunner().invoke(hosting, ["report", str(folder / "logs.json"), *CYCLE, *files, *arguments])


def test_a_page_is_in_the_customers_zone_and_language(folder):
    page = run(folder, "--account", "771", "--format", "html").stdout
    for words in ("Zoë Σ", "01.03.2024, 13:00:00 +01:00", "01.03.2024, 13:02:00 +01:00", "04:00:00 +01:00"):
        assert words in page
    assert "was not kept: more than 1.44 minutes of downtime" in page
    assert '<td class="number">10 %</td>' in page


def test_a_page_names_nobody_else(folder):
    page = run(folder, "--account", "771", "--format", "html").stdout
    assert not [words for words in ("Other", "882", "lead", "server 40", ">40<") if words in page]


def test_flags_go_before_the_plans(folder):
    page = run(folder, "--account", "771", "--format", "html", "--customer-tz", "Asia/Tokyo", "--language", "fr").stdout
    assert "1 mars 2024" in page
    assert "21:00:00 +09:00" in page


def test_a_pdf_has_fonts_for_the_name_and_is_the_same_twice(folder):
    first, again = (run(folder, "--account", "771", "--format", "pdf").stdout_bytes for _ in range(2))
    assert first.startswith(b"%PDF-")
    assert b"FontFile2" in first
    assert first == again


@pytest.mark.parametrize("name", ["Wren and Sons " * 20, "W" * 300, "ЖЩ" * 120, "a " * 400, ""], ids=len)
def test_a_line_is_broken_where_the_page_ends(name):
    """Between words where that is possible, and nothing is lost."""
    families = customer._families(set(name))
    lines = customer._broken(name, 300, families)
    assert "".join(lines).replace(" ", "") == name.replace(" ", "")
    renderer, font = RendererAgg(1, 1, 72), FontProperties(family=families, size=9)
    widths = [renderer.get_text_width_height_descent(line, font, ismath=False)[0] for line in lines]
    assert max(widths) <= 300
    assert all(width > 150 for width in widths[:-1])
    assert not name.startswith("Wren") or {"Wren", "and", "Sons"} >= set(" ".join(lines).split())


def test_dates_from_right_to_left_leave_the_sentence_from_left_to_right(folder):
    """Each date is apart, so that "to" stands between the first and the last."""
    page = run(folder, "--account", "771", "--format", "html", "--language", "ar").stdout
    assert re.search("<bdi>01/03/2024[^<]+</bdi> to <bdi>02/03/2024[^<]+</bdi>; times are those of Europe/Berlin", page)
    assert "u200" not in page  # no mark of direction is shown as text


def test_the_whole_name_is_on_the_customers_own_page(folder, tmp_path):
    name = "Gesellschaft mit einem langen Namen " * 5 + "AG"
    text = (folder / "logs.json").read_text().replace("Other & Sons", name)
    (tmp_path / "logs.json").write_text(text)
    for kind in ("maintenance", "plans"):
        (tmp_path / f"{kind}.csv").write_text((folder / f"{kind}.csv").read_text())
    assert f"<bdi>{name}</bdi>" in run(tmp_path, "--account", "882", "--format", "html").stdout


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Ann", "Ann (7)"),
        ("Sixteen letters.", "Sixteen letters. (7)"),
        ("Seventeen letters", "Seventeen lette… (7)"),
        ("株式会社東京データ", "株式会社東京デ… (7)"),  # two columns each
    ],
)
def test_a_name_beside_its_bar_fits_and_keeps_its_id(name, label):
    assert picture._label(name, 7) == label


@pytest.mark.parametrize(
    ("arguments", "want"),
    [
        (("--account", "5", "--format", "html"), "no account 5"),
        (("--account", "771", "--format", "html", "--language", "xx-yy"), "unknown language 'xx-yy'"),
        (("--format", "pdf"), "--account ID with --format html or pdf"),
        (("--account", "771", "--format", "csv"), "--account ID with --format html or pdf"),
    ],
)
def test_a_document_that_cannot_be_is_refused(folder, arguments, want):
    result = run(folder, *arguments)
    assert result.exit_code == 2 or isinstance(result.exception, ConfigError)
    assert want in result.stderr + str(result.exception)
