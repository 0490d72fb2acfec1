"""Loads a block of configuration or data as the program does that reads it."""

import configparser
import json
import shutil
import subprocess
import tomllib
from pathlib import Path

import promql_parser
import pytest
import yaml
from blocks import ROOT, Block

from alerts.slo.model import read_service_levels
from exporter.daemon import load as load_exporter
from exporter.systems import RECEIVERS, SYSTEMS
from foundation.config import parse_config
from foundation.web.config import WebConfig
from trafficgen.scenario.scenario import read_scenario
from trafficgen.targets.read import read_targets

EXPORTER = {*SYSTEMS, *RECEIVERS, "probe", "state_dir", "max_open_files"}
ALERTMANAGER = {"route", "receivers", "inhibit_rules", "time_intervals"}


def load(block: Block, folder: Path) -> None:
    """Raises what the program that reads such a block raises where it is wrong."""
    match block.language:
        case "yaml":
            _yaml(block.text, folder)
        case "json":
            _json(block.text)
        case "toml":
            tomllib.loads(block.text)
        case "ini":
            configparser.ConfigParser(strict=False, interpolation=None).read_string(block.text)
        case "promql":
            for text in block.text.strip().split("\n\n"):
                promql_parser.parse(text)
        case "sql":
            import duckdb

            [[answer]] = duckdb.execute("select json_serialize_sql(?)", [block.text]).fetchall()
            assert not json.loads(answer)["error"], answer
        case "python":
            exec(compile(block.text, block.where, "exec"), {"__name__": "block"})
        case "nginx":
            _nginx(block.text, folder)


def _json(text: str) -> None:
    """One document, or one a line."""
    try:
        json.loads(text)
    except json.JSONDecodeError:
        for line in text.splitlines():
            json.loads(line)


def _yaml(text: str, folder: Path) -> None:
    documents = [document for document in yaml.safe_load_all(text) if document is not None]
    if documents and all(isinstance(each, dict) and {"apiVersion", "kind"} <= each.keys() for each in documents):
        return  # of Kubernetes; tests of packaging/kubernetes hold them to its schemas
    [tree] = documents
    file = folder / "block.yml"
    file.write_text(text)
    keys = set(tree) if isinstance(tree, dict) else {"-", *(key for each in tree for key in each)}
    if keys & EXPORTER:
        _exporter(file)
    elif "objectives" in keys:
        read_service_levels(file)
    elif "phases" in keys:
        assert read_scenario(str(file)).phases
    elif keys & {"targets", "sessions"} and "-" not in keys:
        (folder / "users.csv").write_text("email\na@example.org\n")
        assert list(read_targets(file, {"TOKEN": "secret"}).kinds())
    elif keys <= set(WebConfig.__struct_fields__):
        parse_config(text, WebConfig)
    elif "-" in keys and "job_name" in keys:
        file.write_text("scrape_configs:\n" + text)
        _tool("promtool", "check", "config", "--syntax-only", str(file))
    elif keys & {"scrape_configs", "rule_files"}:
        _tool("promtool", "check", "config", "--syntax-only", str(file))
    elif "groups" in keys:
        _tool("promtool", "check", "rules", str(file))
    elif keys & ALERTMANAGER:
        _tool("amtool", "check-config", str(file))
    else:
        raise AssertionError(f"no program is known that reads {sorted(keys)}: say <!-- not run: REASON --> above it")


def _exporter(file: Path) -> None:
    """Read the configuration and run the tests in it, as `exporter check` does where no log is there yet."""
    config = load_exporter(file)
    problems = []
    if config.accesslog:
        from exporter.accesslog import check_source

        problems += [problem for source in config.accesslog for problem in check_source(source)]
    if config.logs:
        from exporter.logs.selftest import check_source as check_logs

        problems += [problem for source in config.logs for problem in check_logs(source)]
    assert problems == []


def _nginx(text: str, folder: Path) -> None:
    """As a whole configuration, or as the part that its first directive belongs to."""
    first = next(line.split()[0] for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))
    if first not in {"http", "events", "user", "worker_processes"}:
        text = f"server {{\n{text}}}\n" if first in {"location", "listen", "server_name"} else text
        text = f"http {{\naccess_log off;\n{text}}}\n"
    file = folder / "nginx.conf"
    file.write_text(f"pid {folder}/nginx.pid;\nerror_log stderr;\nevents {{}}\n{text}")
    _tool("nginx", "-t", "-q", "-p", str(folder), "-c", str(file))


def _tool(name: str, *arguments: str) -> None:
    program = shutil.which(name, path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    if program is None:
        pytest.skip(f"{name} is not installed")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False, cwd=ROOT, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
