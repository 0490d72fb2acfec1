"""What the order of lines says of an hour that clocks repeat, against the same rule asked of the whole file at once."""

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from exporter.hosting.order import FileOrder
from exporter.hosting.parse import Created, Heartbeat

DAY_S, GAP_S = 86_400, 3600
NIGHTS = (10 * DAY_S, 12 * DAY_S)  # the first time of their hours, which have texts from 0 to GAP_S after it


def gap_of(time_s):
    return GAP_S if any(night <= time_s < night + GAP_S for night in NIGHTS) else 0


def told_of(lines):
    """Of one stream: each line's hour, or 0."""
    backs, newest = [], []  # the places of lines that are behind, and the newest line since the step before
    begin = 0
    for at, (_, time_s) in enumerate(lines):
        top = max(reversed(lines[begin:at]), key=lambda line: line[1], default=(None, time_s))[1]
        if time_s < top - 60:
            backs.append(at)
            newest.append(top)
            begin = at
    for at, before_s in zip(backs, newest, strict=True):
        if not (gap_of(before_s) and gap_of(lines[at][1]) and before_s - lines[at][1] < GAP_S):
            return [0] * len(lines)
    if any(b - a < DAY_S for a, b in pairwise(newest)):
        return [0] * len(lines)
    steps = [*zip(backs, newest, strict=True)]
    return [
        next((1 if at < back else 2 for back, top in reversed(steps) if abs(time_s - top) < DAY_S), 0)
        if gap_of(time_s)
        else 0
        for at, (_, time_s) in enumerate(lines)
    ]


def expected(lines):
    whole = told_of(lines)
    if any(whole):
        return whole
    told = [0] * len(lines)
    for writer in {writer for writer, _ in lines}:
        mine = [at for at, line in enumerate(lines) if line[0] == writer]
        for at, hour in zip(mine, told_of([lines[at] for at in mine]), strict=True):
            told[at] = hour
    return told


minutes = st.integers(-3, 62)
steps = st.tuples(st.sampled_from([None, 1, 2]), st.sampled_from([0, 0, 0, 1]), st.integers(-2, 40), st.booleans())


@st.composite
def files(draw):
    """Lines mostly in order, with steps back of about the hour, and some that are out of place."""
    lines, time_s = [], NIGHTS[0] + 60 * draw(minutes)
    for writer, night, ahead, is_back in draw(st.lists(steps, max_size=14)):
        time_s += 60 * ahead + night * 2 * DAY_S - (is_back and draw(st.sampled_from([1800, 3540, 3600])))
        lines.append((writer, time_s))
    return lines


def event_of(writer, number):
    return Created(number, "", number) if writer is None else Heartbeat(writer, float(number), number)


@given(files(), st.lists(st.integers(1, 4), max_size=14))
def test_line_by_line_is_told_what_the_whole_file_says(lines, cuts):
    order, at = FileOrder(), 0
    events = [event_of(writer, number) for number, (writer, _) in enumerate(lines)]
    twins = {number: gap_of(time_s) for number, (_, time_s) in enumerate(lines)}
    places = []
    for size in [*cuts, len(lines)]:
        times_s = [time_s for _, time_s in lines[at : at + size]]
        places += [at + place for place in order.add(events[at : at + size], times_s, twins)]
        at += size
    doubtful = [number for number in range(len(lines)) if twins[number]]
    assert places == doubtful
    assert order.reaches_out == (len(doubtful) < len(lines))
    want = [(lines[n][1], lines[n][1] + GAP_S, hour) for n, hour in enumerate(expected(lines)) if n in doubtful]
    assert Counter((one.first_s, one.second_s, one.told) for one in order.told()) == Counter(want)


def test_the_same_line_counts_as_often_as_it_stands():
    order = FileOrder()
    order.add([event_of(1, 0), event_of(1, 0), event_of(1, 2)], [NIGHTS[0], NIGHTS[0], 0], {0: GAP_S, 2: 0})
    assert len(list(order.told())) == 2


def test_lines_that_go_back_a_minute_each_are_not_in_order():
    """A file with the newest line first, which has a gap in the hour, as if the clock had stepped back there."""
    minutes = [*range(39, 14, -1), *range(9, -20, -1)]
    order = FileOrder()
    times_s = [NIGHTS[0] + 60 * minute for minute in minutes]
    order.add([event_of(1, time_s) for time_s in times_s], times_s, {time_s: gap_of(time_s) for time_s in times_s})
    assert {one.told for one in order.told()} == {0}
