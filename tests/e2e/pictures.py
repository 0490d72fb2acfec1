"""Draw docs/pictures: `make pictures`, or `make pictures NAMES='home plan'` for some.

The boards and pages are those of the demo, on free ports and under fixed seeds, once it has run for five minutes with
its faults; the reports are made of feeds of fixed seeds. Boards are drawn by Grafana where it is installed, else by the
preview page.
"""

import argparse
import asyncio
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from browser import Page, browser
from drawn import FOLDER, MANIFEST, PICTURES, ROOT, Drawn, digest, panel_titles
from family import adopt_orphans, end_with_parent
from PIL import Image
from stack import Stack

RUN_S = 300  # how long the demo has run when it is drawn
SEED = "7"
SEEDED = ("errors", "stores")  # the other feeds have a seed of their own by default
WIDTH_PX, DRAWN_PX = 1600, 1000
HEIGHTS_PX = {"home": 1100, "releases": 2200, "stores": 2100}
USUAL_PX = 1800
COLOURS = 256
LIGHT = frozenset({"generator", "releases", "stores", "stores-table", "stores-report", "hosting-report"})
TITLES = """[...document.querySelectorAll('section[data-testid*="Panel header"]')].map(
    panel => panel.dataset.testid.replace(/.*Panel header /, ''))"""
STILL = """(() => {
    const panels = document.querySelectorAll('section[data-testid*="Panel header"]').length
    const waits = document.querySelectorAll('[aria-label="Panel loading bar"]').length
    window.still = panels && !waits ? (window.still || 0) + 1 : 0
    return window.still > 40
})()"""  # asked twenty times per second
DRAWN = "document.documentElement.dataset.drawn"
LOADED = "document.readyState === 'complete'"
REGRESSIONS = ("--regression", "code=3 x2 at 20m", "--regression", "code=-2 x4 at 10m for 15m")
PLAN = ("--rps", "200", "--jitter", "0.3", "--pattern", "tide:period=10m,amplitude=0.5")
BURSTS = ("--pattern", "burst:on=10s,off=110s,factor=2", "--duration", "20m", "--seed", SEED)


class Seen(NamedTuple):
    """A page in the browser: its address, what is true once it is drawn, and the program that draws it."""

    url: str
    drawn: str
    program: str
    height_px: int = 900
    width_px: int = 1280


def main() -> None:
    """Draw what is asked for, and note it in the manifest."""
    parser = argparse.ArgumentParser(description="Draw the pictures of docs/pictures.")
    parser.add_argument("names", nargs="*", help="these alone; default: all")
    names = set(parser.parse_args().names) or {picture.name for picture in PICTURES}
    if unknown := names - {picture.name for picture in PICTURES}:
        sys.exit(f"pictures: no picture {min(unknown)}: expected {', '.join(one.name for one in PICTURES)}")
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    adopt_orphans()
    end_with_parent()
    FOLDER.mkdir(exist_ok=True)
    wanted = [picture for picture in PICTURES if picture.name in names]
    with tempfile.TemporaryDirectory(prefix="pictures-") as folder:
        for picture in [one for one in wanted if one.name in FILES]:
            path = Path(folder) / f"{picture.name}.png"
            program = FILES[picture.name](path)
            note(picture, path.read_bytes(), program)
        live = [picture for picture in wanted if picture.name not in FILES]
        pages = {name: make(Path(folder)) for name, make in MADE.items() if name in names}
        if all(picture.name in pages for picture in live):
            asyncio.run(look(live, pages, Path(folder)))
            return
        with demo(Path(folder)) as stack:
            asyncio.run(look(live, pages | seen(stack), Path(folder)))


def run(*command: object) -> None:
    """Run one of our commands; its error ends this."""
    subprocess.run([str(word) for word in command], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


def heatmap(path: Path) -> str:
    """The two regressions of docs/releases.md."""
    errors = path.with_name("errors.tsv")
    run("trafficgen", "feed", "releases", "--to", errors, "--seed", SEED, *REGRESSIONS)
    run("exporter", "releases", "heatmap", errors, "--output", path)
    return "exporter releases heatmap"


def plan(path: Path) -> str:
    """A tide with bursts on top."""
    run("trafficgen", "plan", *PLAN, *BURSTS, "--output", path)
    return "trafficgen plan"


def rates(path: Path) -> str:
    """Forty minutes of a stats page that was asked every ten seconds, with a tide, errors, and a silence."""
    table = path.with_name("stats.tsv")
    table.write_text("".join(f"{at}\t{ok}\t{missing}\t{bad}\n" for at, ok, missing, bad in counts()))
    run("plot", table, "--output", path, "--delta_t", 10, "--delta_t", 60, "--delta_t", 600, "--timezone", "UTC")
    return "plot"


def counts() -> Iterator[tuple[int, int, int, int]]:
    """Rows of the time and the counts of 200, 404 and 500; no clock and no chance."""
    ok = missing = bad = 0
    for step in range(240):
        rate = 0 if 150 <= step < 162 else 100 + 60 * abs(step % 80 - 40) // 40
        failing = 90 <= step < 108
        ok, missing, bad = ok + rate * 10, missing + rate, bad + (rate * 2 if failing else 0)
        yield 1_795_730_400 + step * 10, ok, missing, bad


FILES: dict[str, Callable[[Path], str]] = {"releases-heatmap": heatmap, "plan": plan, "stats-rates": rates}
"""Pictures that our commands write themselves, and the command."""


def hosting_report(folder: Path) -> Seen:
    """The report of the feed's usual month."""
    run("trafficgen", "feed", "hosting", "--output", folder / "hosting-feed", "--speed", "max", "--seed", 1)
    report = folder / "hosting.html"
    run("exporter", "hosting", "report", folder / "hosting-feed/logs.json", "--format", "html", "--output", report)
    return Seen(report.as_uri(), LOADED, "exporter hosting report", 1000)


def alert_mail(folder: Path) -> Seen:
    """A mail about the alert of too many errors, as Alertmanager's own templates make it."""
    labels = {"alertname": "SiteErrorRatioHigh", "severity": "page", "source": "shop", "via": "exporter"}
    said = {
        "summary": "shop: 8.9% of requests fail",
        "description": "More than 5 % of the requests of the last 5 minutes were answered with a server error.",
        "runbook_url": "https://wiki.example.org/tidewatch#siteerrorratiohigh",
        "dashboard_url": "https://grafana.example.org/d/tidewatch-site?viewPanel=20&var-site=shop",
    }
    at = {"startsAt": "2026-11-26T09:14:10Z", "endsAt": "0001-01-01T00:00:00Z"}
    alert = {"status": "firing", "labels": labels, "annotations": said, "generatorURL": "http://127.0.0.1:9090/", **at}
    known = {"receiver": "page", "externalURL": "http://127.0.0.1:9093", "groupLabels": {}, "commonAnnotations": {}}
    data, mail = folder / "alert.json", folder / "mail.html"
    data.write_text(json.dumps({**known, "status": "firing", "commonLabels": labels, "alerts": [alert]}))
    text = '{{ template "tidewatch.mail.html" . }}'
    command = ["amtool", "template", "render", f"--template.glob={ROOT}/alerts/templates/*.tmpl"]
    command += ["--template.type=html", f"--template.text={text}", f"--template.data={data}"]
    mail.write_bytes(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return Seen(mail.as_uri(), LOADED, "amtool template render", 400, 720)


def stores_report(folder: Path) -> Seen:
    """The report of a feed of forty stores over its three days."""
    feed, database, sent = folder / "stores-feed", folder / "stores.duckdb", folder / "sent"
    run("trafficgen", "feed", "stores", "--output", feed, "--stores", 40, "--hours", 72, "--seed", SEED)
    files = {name: sorted(feed.rglob(f"*{name}*.csv")) for name in ("status", "hours", "timezones")}
    given = [word for name, paths in files.items() for path in paths for word in (f"--{name}", path)]
    run("exporter", "stores", "load", "--database", database, *given)
    report = ("exporter", "stores", "report", "--database", database, "--last", "3d", "--pages", sent)
    run(*report, "--output", folder / "stores.csv")
    return Seen((sent / "index.html").as_uri(), LOADED, "exporter stores report")


MADE: dict[str, Callable[[Path], Seen]] = {
    "alert-mail": alert_mail,
    "hosting-report": hosting_report,
    "stores-report": stores_report,
}
"""Pages that our commands write into a folder."""


@contextmanager
def demo(folder: Path) -> Iterator[Stack]:
    """The demo with its faults early, and long enough under way."""
    stack = Stack(folder / "demo", on_free_ports=True, faults_early=True)
    for part in SEEDED:
        stack.commands[part] += f" --seed {SEED}"
    stack.prepare()
    try:
        stack.start(folder / "parts.log")
        stack.wait_until_ready()
        print(f"pictures: the demo runs; it is drawn in {RUN_S} s", file=sys.stderr, flush=True)
        ready = time.monotonic() + RUN_S
        while time.monotonic() < ready:
            if stack.ended():
                sys.exit(f"pictures: a part of the demo ended: {(folder / 'parts.log').read_text()[-2000:]}")
            time.sleep(1)
        yield stack
    finally:
        stack.stop(quietly=True)


def seen(stack: Stack) -> dict[str, Seen]:
    """The demo's pages by picture."""
    by_grafana = "grafana" in stack.commands and "grafana" not in stack.left_out
    base = stack.address("grafana" if by_grafana else "preview")
    program, still = (f"Grafana {version(base)}", STILL) if by_grafana else ("the preview page", DRAWN)
    pages = {
        picture.name: Seen(
            f"{base}/d/{picture.board}?from=now-{RUN_S}s&to=now&refresh=1d&kiosk&theme={theme(picture.name)}",
            still,
            program,
            HEIGHTS_PX.get(picture.name, USUAL_PX),
            WIDTH_PX,
        )
        for picture in PICTURES
        if picture.board
    }
    preview = f"{stack.address('preview')}/d/tidewatch-site?from=now-{RUN_S}s&to=now"
    pages["preview"] = Seen(preview, DRAWN, "python -m dashboards preview", USUAL_PX, WIDTH_PX)
    pages["receiver"] = Seen(stack.address("receiver"), LOADED, "python -m alerts receiver", 900)
    pages["exporter"] = Seen(stack.address("exporter"), LOADED, "exporter", 600)
    stores = f"http://127.0.0.1:{stack.ports[8081]}"
    program = "exporter stores serve"
    pages["stores-table"] = Seen(f"{stores}/?last=3d", LOADED, program)
    pages["stores-zones"] = Seen(f"{stores}/?last=3d&group_by=timezone", LOADED, program)
    pages["stores-api"] = Seen(f"{stores}/docs", LOADED, program)
    with urllib.request.urlopen(f"{stores}/report?last=3d&limit=1") as answer:
        worst = json.load(answer)["rows"][0]["store_id"]
    pages["stores-one"] = Seen(f"{stores}/view/{quote(str(worst))}?last=3d", LOADED, program, 1100)
    return pages


def version(grafana: str) -> str:
    """As Grafana says."""
    with urllib.request.urlopen(f"{grafana}/api/health") as answer:
        return ".".join(json.load(answer)["version"].split(".")[:2])


def theme(name: str) -> str:
    """Light or dark: some of each."""
    return "light" if name in LIGHT else "dark"


async def look(pictures: list[Drawn], pages: dict[str, Seen], folder: Path) -> None:
    """Open each page and take its picture."""
    async with browser(folder) as page:
        for picture in pictures:
            one = pages[picture.name]
            await page.size(one.width_px, one.height_px)
            scheme = {"name": "prefers-color-scheme", "value": theme(picture.name)}
            await page.send("Emulation.setEmulatedMedia", features=[scheme])
            await opened(page, one)
            titles = await drawn_titles(page, picture, one) if picture.board else None
            note(picture, await page.picture(), one.program, titles)


async def drawn_titles(page: Page, picture: Drawn, one: Seen) -> list[str]:
    """The titles of the board's panels that Grafana draws in this window; of the preview, all of the board's."""
    titles: list[str] = await page.run(TITLES) if one.drawn == STILL else panel_titles(picture.board)
    return titles


async def opened(page: Page, one: Seen) -> None:
    """Return once the page is drawn."""
    await page.run("window.before = true")
    await page.send("Page.navigate", url=one.url)
    await page.until(f"!window.before && {one.drawn}")


def note(picture: Drawn, png: bytes, program: str, titles: list[str] | None = None) -> None:
    """Write the picture with few colours and no wider than docs need, and its line of the manifest."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    if image.width > DRAWN_PX:
        image = image.resize((DRAWN_PX, round(image.height * DRAWN_PX / image.width)), Image.Resampling.LANCZOS)
    few = image.quantize(COLOURS, kmeans=4, dither=Image.Dither.NONE)
    few.save(FOLDER / f"{picture.name}.png", optimize=True)
    kept = json.loads(MANIFEST.read_text("utf-8")) if MANIFEST.exists() else {}
    entry = {"shows": picture.shows, "program": program, "digest": digest(picture)}
    kept[picture.name] = entry | ({"board": picture.board, "panels": titles} if picture.board else {})
    names = {one.name for one in PICTURES}
    kept = {name: kept[name] for name in sorted(kept.keys() & names)}
    MANIFEST.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(FOLDER / f"{picture.name}.png", flush=True)


if __name__ == "__main__":
    main()
