"""Releases: is the new build worse than the one before, in which error code, and since when?"""

from dashboards import measures, style
from dashboards.style import Text, query

SOURCE = 'source=~"$stream"'
PAIR = f'{SOURCE}, candidate=~"$candidate", code=~"$code"'
ERRORS = f'tidewatch_release_errors_total{{{SOURCE}, code=~"$code"}}'
ACTIVE = f"tidewatch_release_alert_active{{{PAIR}, "
CODE = "max by (source, candidate, code)"
EXPLAINED = f"tidewatch_release_alert_explained{{{PAIR}"
BY_RATIO = (  # of log2 of the ratio
    style.Band(style.LOWEST, "better, a quarter or less", style.BETTER[2]),
    style.Band(-2, "better, a half or less", style.BETTER[1]),
    style.Band(-1, "a little better", style.BETTER[0]),
    style.Band(-0.001, "not certain", style.SAME),  # exactly 0
    style.Band(0.001, "a little worse", style.WORSE[0]),
    style.Band(1, "worse, \N{MULTIPLICATION SIGN}2 or more", style.WORSE[1]),
    style.Band(2, "worse, \N{MULTIPLICATION SIGN}4 or more", style.WORSE[2]),
)
MOST_CODES = 20  # rows that can be distinguished
ONE_CODE = style.Detail("Only this code", "tidewatch-releases", "code", "code", keep=("stream", "candidate", "window"))


def board() -> style.Board:
    """The table of contents."""
    return style.Board(
        uid="tidewatch-releases",
        title="Releases",
        description="Error codes of a candidate build against the baseline's at the same time, and what is proven.",
        variables=[
            style.stream_variable(),
            style.label_variable("candidate", "Candidate", f"tidewatch_release_log_evidence{{{SOURCE}}}"),
            style.label_variable("code", "Code", f"tidewatch_release_log_evidence{{{SOURCE}}}"),
            style.window_variable(),
        ],
        head=style.Head(
            "releases",
            {"code": "Code", "candidate": "Candidate", "source": "Stream", "build": "Build"},
            chosen='source=~"$stream|", candidate=~"$candidate|", code=~"$code|"',
            details={"code": ONE_CODE._replace(by="Code")},
        ),
        rows=[
            style.Row("Now", [codes_worse(), codes_rising(), builds_silent(), last_record(), refused()]),
            style.Row("Which code is worse?", [ratio_by_code(), comparison()]),
            style.Row("What is proven, and since when?", [evidence(), onset(), alerts_over_time()]),
            style.Row("How many errors?", [counts_by_code(), errors_by_build(), storms()]),
            style.Row(
                "Is the stream well?",
                [records_taken(), records_refused(), behind(), connections(), requests(), users()],
            ),
        ],
    )


def codes_worse() -> style.PanelBuilder:
    """How many codes are proven to be worse."""
    return style.stat(
        Text(
            "Codes worse",
            "Error codes of which the evidence says that the candidate has more, and neither bursts nor a common rise "
            "explain it. One is reason to act.",
        ),
        query(measures.codes_worse("evidence", PAIR), "worse"),
        unit="none",
        steps=((None, style.GOOD), (1, style.BAD)),
        width=5,
    )


def codes_rising() -> style.PanelBuilder:
    """How many codes have begun to rise."""
    return style.stat(
        Text(
            "Codes rising",
            "Error codes whose rate in the candidate has changed lately, by the onset detector, and neither bursts nor "
            "a common rise explain it.",
        ),
        query(measures.codes_worse("onset", PAIR), "rising"),
        unit="none",
        steps=((None, style.GOOD), (1, style.WARNING)),
        width=5,
    )


def builds_silent() -> style.PanelBuilder:
    """Builds that may be healthy, or dead."""
    return style.stat(
        Text(
            "Builds silent",
            "Builds that send nothing while others do, for longer than chance makes probable: healthy, or not running?",
        ),
        query(f"sum(min by (source, build) (tidewatch_release_build_silent{{{SOURCE}}}))", "silent"),
        unit="none",
        steps=((None, style.GOOD), (1, style.WARNING)),
        width=5,
    )


def last_record() -> style.PanelBuilder:
    """How long ago anything came."""
    return style.stat(
        Text("Last record", "Time since the last record of any build. When it grows, nothing is being compared."),
        query(style.age(f"max(tidewatch_release_last_record_timestamp_seconds{{{SOURCE}}} > 0)"), "ago"),
        unit="s",
        decimals=0,
        steps=((None, style.GOOD), (15, style.WARNING), (60, style.BAD)),
        width=4,
    )


def refused() -> style.PanelBuilder:
    """The share of records that are not counted."""
    return style.stat(
        Text(
            "Not counted",
            "Share of records that were late, from a clock that is ahead, or could not be read.",
            "no record came in the window.",
        ),
        query(
            f"sum(rate(tidewatch_release_records_failed_total{{{SOURCE}}}[$window])) / "
            f"(sum(rate(tidewatch_release_records_failed_total{{{SOURCE}}}[$window])) "
            f"+ sum(rate(tidewatch_release_records_total{{{SOURCE}}}[$window])) > 0)",
            "refused",
        ),
        unit="percentunit",
        steps=((None, style.GOOD), (0.0001, style.WARNING), (0.01, style.BAD)),
        width=5,
    )


def ratio_by_code() -> style.PanelBuilder:
    """Code by time: the candidate's rate over the baseline's."""
    window = f'{{{PAIR}, window="recent"}}'
    most = f"topk({MOST_CODES}, {CODE} (tidewatch_release_log_evidence{{{PAIR}}} @ end()))"
    ratio, low, high = (f"{CODE} (tidewatch_release_rate_ratio{end}{window})" for end in ("", "_lower", "_upper"))
    return style.status_history(
        Text(
            "Candidate against baseline, by code",
            "The ratio of rates over the last 30 bins, of the codes with the most evidence: blue is better, red is "
            "worse, grey where the exact 95 % interval holds 1, so that nothing can be said. An empty cell has no "
            "errors in either build.",
            "no code has come from both builds yet.",
        ),
        query(
            style.in_numeric_order(
                f"(((log2(clamp({ratio}, 0.0625, 16)) and ({low} > 1 or {high} < 1)) or 0 * clamp({ratio}, 0, 16)) "
                ">= -4) "  # a ratio of nothing to nothing is not there, rather than not a number
                f"and on (source, candidate, code) {most}",
                "code",
            ),
            "{{code}}",
        ),
        bands=BY_RATIO,
        height=14,
        detail=ONE_CODE,
    )


def comparison() -> style.PanelBuilder:
    """The figures behind the colours."""
    by = CODE
    return style.table(
        Text(
            "All codes, since the start",
            "The ratio and its exact 95 % interval; q is the p-value corrected for looking at many codes. "
            "The codes with the most evidence stand first: what is above the threshold is proven, unless bursts or a "
            "rise of all codes explain it; what began in the last two minutes may be a burst and is undecided.",
            "no two builds have been seen yet.",
        ),
        query(f'{by} (tidewatch_release_rate_ratio{{{PAIR}, window="all"}})', instant=True, form="table"),
        query(f'{by} (tidewatch_release_rate_ratio_lower{{{PAIR}, window="all"}})', instant=True, form="table"),
        query(f'{by} (tidewatch_release_rate_ratio_upper{{{PAIR}, window="all"}})', instant=True, form="table"),
        query(f"{by} (tidewatch_release_q_value{{{PAIR}}})", instant=True, form="table"),
        query(f"{by} (tidewatch_release_log_evidence{{{PAIR}}})", instant=True, form="table"),
        query(f'{by} ({ACTIVE}detector="evidence"}})', instant=True, form="table"),
        query(
            f'{by} ({EXPLAINED}, reason="bursts"}} == 1 or 2 * ({EXPLAINED}, reason="alike"}} == 1) '
            f'or 3 * ({EXPLAINED}, reason="undecided"}} == 1) or 0 * {EXPLAINED}}})',
            instant=True,
            form="table",
        ),
        columns={
            "code": style.Column("Code", detail=ONE_CODE._replace(by="Code")),
            "candidate": style.Column("Candidate"),
            "Value #F": style.Column(
                "Verdict", states={0: ("not proven", style.SAME), 1: ("worse", style.BAD)}, cell=style.PILL
            ),
            "Value #G": style.Column(
                "Explained by",
                states={
                    0: ("nothing", style.SAME),
                    1: ("bursts", style.WARNING),
                    2: ("all codes alike", style.WARNING),
                    3: ("undecided", style.WARNING),
                },
                cell=style.PILL,
            ),
            "Value #A": style.Column("Ratio", decimals=2),
            "Value #B": style.Column("At least", decimals=2, steps=((None, style.NEUTRAL), (1, style.BAD))),
            "Value #C": style.Column("At most", decimals=2, steps=((None, style.GOOD), (1, style.NEUTRAL))),
            "Value #D": style.Column("q", decimals=4),
            "Value #E": style.Column("Log evidence", decimals=1),
        },
        sort=(("Verdict", True), ("Log evidence", True)),
        height=10,
    )


def evidence() -> style.PanelBuilder:
    """How the proof grew."""
    return style.timeseries(
        Text(
            "Evidence",
            "Natural log of the e-value, the ten codes with the most. At the dashed line the chance of any false alarm "
            "over all codes is 5 %, however often one looks.",
            "no two builds have been seen yet.",
        ),
        query(f"topk(10, {CODE} (tidewatch_release_log_evidence{{{PAIR}}}))", "{{code}}"),
        query(f"max(tidewatch_release_log_evidence_threshold{{{SOURCE}}})", "threshold"),
        unit="short",
        colours={"threshold": style.BAD},
        looks={"threshold": style.DASHED},
        height=9,
        detail=ONE_CODE,
        peaks=True,
    )


def onset() -> style.PanelBuilder:
    """Changes in mid stream."""
    return style.timeseries(
        Text(
            "Onset",
            "CUSUM score for a doubling, the ten highest codes: it forgets what was good before, so it sees a change "
            "that the evidence, looking at all of the past, finds late.",
            "no two builds have been seen yet.",
        ),
        query(f"topk(10, {CODE} (tidewatch_release_onset_score{{{PAIR}}}))", "{{code}}"),
        query(f"max(tidewatch_release_onset_threshold{{{SOURCE}}})", "threshold"),
        unit="short",
        colours={"threshold": style.BAD},
        looks={"threshold": style.DASHED},
        height=9,
        detail=ONE_CODE,
        peaks=True,
    )


def alerts_over_time() -> style.PanelBuilder:
    """When was which code held to be worse?"""
    active, by = f'{ACTIVE}detector=~"evidence|onset"}}', "max by (code, detector)"
    apart = f"on (source, candidate, code) {EXPLAINED}}} == 1"
    return style.state_timeline(
        Text(
            "Alerts by code",
            "Codes that the evidence or the onset detector held to be worse at some time in the range. Orange: bursts "
            "or a common rise explain it, or it is undecided.",
            "no two builds have been seen yet, or no code was worse in the range.",
        ),
        query(f"max({active} unless {apart}) or 0 * max({active})", "any code"),
        query(f"{by} ({active} == 1 unless {apart}) or 2 * {by} ({active} == 1)", "{{code}} {{detector}}"),
        states={0: ("no worse", style.GOOD), 1: ("worse", style.BAD), 2: ("explained", style.WARNING)},
        detail=ONE_CODE,
    )


def counts_by_code() -> style.PanelBuilder:
    """Where the errors are."""
    return style.heatmap(
        Text(
            "Errors by code",
            f"Errors per second of all builds, a row for each of the {MOST_CODES} codes with the most. A row "
            "that lights "
            "up is where to look.",
        ),
        query(
            style.in_numeric_order(
                f"sum by (code) (rate({ERRORS}[$window])) "
                f"and on (code) topk({MOST_CODES}, sum by (code) (increase({ERRORS}[$__range] @ end())))",
                "code",
            ),
            "{{code}}",
        ),
        unit="none",
        cells="cps",
        height=12,
        detail=ONE_CODE,
    )


def errors_by_build() -> style.PanelBuilder:
    """Does one build have more of everything?"""
    return style.timeseries(
        Text(
            "Errors by build",
            "Errors per second, all chosen codes. If one build is up in all codes alike, it has more users, "
            "or retries.",
        ),
        query(f"sum by (build) (rate({ERRORS}[$window]))", "{{build}}"),
        unit="cps",
        height=12,
    )


def storms() -> style.PanelBuilder:
    """Whether errors come independently of each other."""
    return style.timeseries(
        Text(
            "Dispersion",
            "Variance over mean of a code's errors in the last 30 bins, the ten highest. About 1 if errors come one by "
            "one; far above, one failure sends many, as retries do, and no p-value is reliable.",
            "no two builds have been seen yet.",
        ),
        query(f"topk(10, {CODE} (tidewatch_release_dispersion_ratio{{{PAIR}}}))", "{{code}}"),
        unit="short",
        width=24,
        detail=ONE_CODE,
    )


def records_taken() -> style.PanelBuilder:
    """How much comes in."""
    return style.timeseries(
        Text("Records taken", "Records per second that were taken into the counts, by stream."),
        query(f"sum by (source) (rate(tidewatch_release_records_total{{{SOURCE}}}[$window]))", "{{source}}"),
        unit="cps",
        width=8,
    )


def records_refused() -> style.PanelBuilder:
    """What is not counted, and why."""
    return style.timeseries(
        Text(
            "Records not counted",
            "By reason; late is for a bin that was closed, other is folded past the caps.",
            "every record was counted in the range.",
        ),
        query(
            style.rates_of_what_happened(f"tidewatch_release_records_failed_total{{{SOURCE}}}", "reason"), "{{reason}}"
        ),
        query(f"sum(rate(tidewatch_release_folded_records_total{{{SOURCE}}}[$window])) > 0", "folded into other"),
        unit="cps",
        width=8,
    )


def behind() -> style.PanelBuilder:
    """How old the verdict is."""
    return style.timeseries(
        Text(
            "Verdict's age",
            "Time between now and the end of the last closed bin. A stream with clock times or a replay shows nothing.",
            "the stream's times are not of this hour.",
        ),
        query(
            style.age(f"max by (source) (tidewatch_release_watermark_timestamp_seconds{{{SOURCE}}} > time() - 3600)"),
            "{{source}}",
        ),
        unit="s",
        width=8,
    )


def connections() -> style.PanelBuilder:
    """Who is connected."""
    return style.timeseries(
        Text("TCP connections", "Open connections that send lines, by stream; HTTP senders are not among them."),
        query(f"sum by (source) (tidewatch_release_connections{{{SOURCE}}})", "{{source}}"),
        unit="short",
    )


def requests() -> style.PanelBuilder:
    """What is answered to the senders over HTTP."""
    return style.timeseries(
        Text(
            "Answers over HTTP",
            "Requests per second by status code: 429 is over the rate, 503 a disk that takes nothing.",
            "nobody has sent over HTTP.",
        ),
        query(f"sum by (status) (rate(tidewatch_release_requests_total{{{SOURCE}}}[$window]))", "{{status}}"),
        unit="reqps",
    )


def users() -> style.PanelBuilder:
    """Which users a comparison goes by."""
    chosen = f'{SOURCE}, candidate=~"$candidate"'
    return style.timeseries(
        Text(
            "Users",
            "Users of the candidate for one of the baseline, and the bins a minute that are not compared since these "
            "are unknown or none.",
            "nobody names the users over time (exposure_file, exposure_query).",
        ),
        query(
            f'max by (candidate) (tidewatch_release_users_ratio{{{SOURCE}, candidate=~"$candidate"}})', "{{candidate}}"
        ),
        query(
            f"60 * sum by (candidate) (rate(tidewatch_release_users_unknown_bins_total{{{chosen}}}[$window]))",
            "{{candidate}}, bins not compared",
        ),
        unit="short",
        width=24,
    )
