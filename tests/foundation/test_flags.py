"""Flags read the shared grammars, and refuse in the same words."""

from datetime import UTC, datetime

import click
import pytest
from click.testing import CliRunner

from foundation.flags import AddressType, DurationType, InstantType, ZoneType, option_group


@click.command()
@click.option("--listen", type=AddressType(words=("off",)), default="127.0.0.1:8090", show_default=True)
@click.option("--peer", type=AddressType(free=False))
@click.option("--timeout", type=DurationType(most_s=60), default="10s", show_default=True)
@click.option("--step", type=DurationType(whole=True))
@click.option("--tz", type=ZoneType(local=lambda: UTC), is_eager=True, default="Europe/Berlin")
@click.option("--since", type=InstantType(zone_of="tz"))
@click.option("--as-of", type=InstantType(words=("now", "max")), default="max")
@click.option("--strict", type=InstantType(zone=None))
def command(**values):
    for name, value in values.items():
        click.echo(f"{name}={value!r}")


def run(*args):
    return CliRunner().invoke(command, args)


def test_defaults_are_read_as_the_users_text_is():
    got = run().output
    assert "listen=Address(host='127.0.0.1', port=8090)" in got
    assert "timeout=10.0" in got
    assert "as_of='max'" in got


@pytest.mark.parametrize(
    ("args", "want"),
    [
        (["--listen", "off"], "listen='off'"),
        (["--listen", "[::1]:0"], "listen=Address(host='::1', port=0)"),
        (["--timeout", "1m"], "timeout=60.0"),
        (["--step", "1m30s"], "step=90\n"),
        (["--since", "2026-11-22T07:29:59"], f"since={datetime(2026, 11, 22, 6, 29, 59, tzinfo=UTC)!r}"),
        (["--since", "2026-11-22", "--tz", "UTC"], f"since={datetime(2026, 11, 22, tzinfo=UTC)!r}"),
        (["--since", "2026-11-22", "--tz", "local"], f"since={datetime(2026, 11, 22, tzinfo=UTC)!r}"),
        (["--as-of", "2026-11-22"], f"as_of={datetime(2026, 11, 22, tzinfo=UTC)!r}"),
    ],
)
def test_flags_read_the_grammars(args, want):
    assert want in run(*args).output


@pytest.mark.parametrize(
    ("args", "want"),
    [
        (["--listen", "x"], "'--listen': invalid address 'x': expected HOST:PORT, for example 127.0.0.1:8090"),
        (["--peer", "a:0"], "'--peer': invalid address 'a:0': expected a port from 1 to 65535"),
        (["--timeout", "61s"], "'--timeout': invalid duration '61s': expected more than 0 and at most 1m"),
        (["--step", "0.5"], "'--step': invalid duration '0.5': expected whole seconds"),
        (["--strict", "2026-11-22"], "'--strict': invalid time '2026-11-22': expected a date and time with its zone"),
        (["--as-of", "today"], "'--as-of': invalid time 'today': expected now, max, a date and time"),
        (["--tz", "Mars"], "'--tz': invalid time zone 'Mars': expected UTC or a name, for example Europe/Berlin"),
        (["--tz", "../etc/passwd"], "'--tz': invalid time zone '../etc/passwd'"),
        (["--tz", "Europe"], "'--tz': invalid time zone 'Europe'"),
    ],
)
def test_flags_refuse_in_the_grammars_words(args, want):
    got = run(*args)
    assert got.exit_code == 2
    assert want in " ".join(got.output.split())


def test_help_names_the_grammar():
    got = run("--help").output
    for part in ("--listen HOST:PORT", "--timeout DURATION", "--since TIME", "[default: 10s]"):
        assert part in got


def test_a_group_of_options_is_shown_in_its_order():
    group = option_group(click.option("--one"), click.option("--two"), click.option("--three"))

    @click.command()
    @group
    def command(**_):
        pass

    shown = CliRunner().invoke(command, ["--help"]).output
    assert shown.index("--one") < shown.index("--two") < shown.index("--three")
