"""What is kept of followed files: a value a file, written when it moved, and an earlier version's taken over."""

import msgspec
import pytest
from rotated import LIMITS

from exporter.sources.tail.follow import Follower
from exporter.sources.tail.mark import Mark
from exporter.sources.tail.positions import About, Positions, State, Totals, decode, encode, positions_in
from foundation.errors import StoreError

HEAD, NEAR = bytes([104]) * 16, bytes([110]) * 16
STATE = State(
    About(
        totals=Totals(read_bytes=70, lost_bytes=3, rotations={"rename": 2}, last_line_s=5.5),
        next_key=8,
        patterns=["/log/*"],
        scanned_ns=77,
        missed={"/log/a": 66},
    ),
    [
        Mark(
            key=4,
            home="/log/a",
            path="/log/a.1",
            role="done",
            device=1,
            inode=2,
            generation=3,
            offset=40,
            size=40,
            mtime_ns=6,
            head=HEAD,
            head_size=40,
            near=NEAR,
            near_size=30,
        ),
        Mark(
            key=7,
            home="/log/a",
            path="/log/a",
            role="live",
            device=1,
            inode=9,
            generation=8,
            offset=30,
            size=35,
            carry=b"ab",
            skipping=True,
        ),
    ],
)
FIRST_LAYOUT = bytes.fromhex(
    "86a6746f74616c7384aa726561645f627974657346aa6c6f73745f627974657303a9726f746174696f6e7381a672656e616d6502ab6c6173"
    "745f6c696e655f73cb4016000000000000a56d61726b7392de000ea36b657904a4686f6d65a62f6c6f672f61a470617468a82f6c6f672f61"
    "2e31a4726f6c65a4646f6e65a664657669636501a5696e6f646502aa67656e65726174696f6e03a66f666673657428a473697a6528a86d74"
    "696d655f6e7306a468656164c41068686868686868686868686868686868a9686561645f73697a6528a46e656172c4106e6e6e6e6e6e6e6e"
    "6e6e6e6e6e6e6e6ea96e6561725f73697a651ede000ba36b657907a4686f6d65a62f6c6f672f61a470617468a62f6c6f672f61a4726f6c65"
    "a46c697665a664657669636501a5696e6f646509aa67656e65726174696f6e08a66f66667365741ea473697a6523a8736b697070696e67c3"
    "a56361727279c4026162a86e6578745f6b657908a87061747465726e7391a62f6c6f672f2aaa7363616e6e65645f6e734da66d6973736564"
    "81a62f6c6f672f6142"
)
"""STATE as the version before wrote it, all files in one value."""


def test_what_the_version_before_wrote_is_read_as_it_was():
    assert decode({"tail": FIRST_LAYOUT}) == STATE


def test_each_file_has_a_value_of_its_own():
    saved = encode(STATE)
    assert sorted(saved) == ["tail", "tail/4", "tail/7"]
    assert decode(saved) == STATE


ABOUT = msgspec.msgpack.encode({"totals": {}, "next_key": 1, "patterns": []})


def in_one_value(state):
    about = msgspec.to_builtins(state.about, builtin_types=(bytes,))
    return {"tail": msgspec.msgpack.encode(about | {"marks": state.marks})}


def test_a_run_goes_on_from_the_state_of_the_version_before(site):
    """And has it in the new form with its first commit, whatever is rotated meanwhile."""
    site.write(5)
    site.start("access.log*")
    site.stop()
    before = decode(site.saved)
    site.saved = in_one_value(before)
    site.log.rename(site.path("access.log.1"))
    site.write(3)
    site.begin()
    positions = Positions(site.saved)
    positions.apply(site.tail.moves())
    puts, deletes = positions.changes()
    assert ("marks" in msgspec.msgpack.decode(puts["tail"]), deletes) == (False, set())
    assert {mark.key: mark.offset for mark in decode(puts).marks} == {1: len(site.got), 2: 0}
    site.check(rotations={"rename": 1})


@pytest.mark.parametrize(
    ("change", "text"),
    [
        pytest.param({"tail": b"?"}, "", id="about-all"),
        pytest.param({"tail/4": b"?"}, "", id="of-a-file"),
        pytest.param({"tail/4": None}, "1 of 2 are there", id="a-file-is-missing"),
        pytest.param({"tail/9": encode(STATE)["tail/4"]}, "3 of 2 are there", id="one-too-many"),
        pytest.param({"tail/4": encode(STATE)["tail/7"]}, "2 of 2 are there", id="of-another-file"),
        pytest.param({"tail": ABOUT}, "", id="no-files"),
    ],
)
def test_positions_of_which_any_is_damaged_or_missing_are_no_positions(change, text):
    saved = {key: value for key, value in (encode(STATE) | change).items() if value is not None}
    with pytest.raises(StoreError, match=f"the positions kept for the log files cannot be read: .*{text}"):
        decode(saved)


def test_only_the_positions_of_a_tail_are_taken_out_of_what_is_kept():
    saved = encode(STATE) | {"totals": b"1", "tails": b"2"}
    assert positions_in(saved) == encode(STATE)
    assert positions_in({"tail/4": b"1"}) is None


def test_a_commit_holds_the_files_that_moved_and_no_others(site):
    logs = [site.path(f"{number}.log") for number in range(50)]
    for log in logs:
        site.write(1, to=log)
    site.start("*.log")
    positions = Positions(None)
    positions.apply(site.tail.moves())
    disk, _ = positions.changes()
    assert len(disk) == 51
    site.write(1, to=logs[7])
    logs[9].unlink()
    site.read()
    positions.apply(site.tail.moves())
    puts, deletes = positions.changes()
    moved = [mark.home for mark in decode(disk | puts).marks if f"tail/{mark.key}" in puts]
    assert (moved, deletes) == ([str(logs[7])], set())
    assert disk | puts == encode(site.tail.state()) == positions.saved()
    assert positions.changes()[0].keys() == {"tail"}
    assert positions.changes(everything=True)[0] == positions.saved()


def test_a_file_that_is_forgotten_is_deleted(site):
    site.write(2)
    site.write(2, to=site.path("older.log"))
    site.write(2, to=site.path("other.log"))
    site.start("access.log older.log other.log")
    site.stop()
    limits = msgspec.structs.replace(LIMITS, files=1)
    site.tail = Follower([str(site.log)], from_start=True, limits=limits, saved=site.saved)
    positions = Positions(site.saved)
    site.read()
    positions.apply(site.tail.moves())
    puts, deletes = positions.changes()
    assert {key: value for key, value in (site.saved | puts).items() if key not in deletes} == positions.saved()
    assert {mark.home for mark in decode(positions.saved()).marks} == {str(site.path("other.log")), str(site.log)}
    assert len(deletes) == 1


def test_a_deleted_file_is_closed_and_its_descriptor_given_back(site):
    """Logs that are written once and deleted, each under a name of its own, must not use up all descriptors."""
    jobs = [site.path(f"job-{number}.log") for number in range(5)]
    for job in jobs:
        site.write(1, to=job)
    site.start("job-*.log")
    for job in jobs[1:]:
        job.unlink()
    site.read()
    assert site.tail.open_files == 5
    for _ in range(2):  # at rest for the grace, and then seen to be gone for it: a writer may still hold the file
        site.now_s += LIMITS.grace_s
        site.read()
    site.check(rotations={})
    assert site.tail.open_files == 1
    assert [mark.home for mark in site.tail.state().marks if mark.role == "live"] == [str(jobs[0])]


def test_a_new_log_with_the_inode_of_a_deleted_one_is_followed(site):
    """Deleted while nobody looked, and nothing stands in its place: what has its inode now is another log."""
    site.write(5)
    site.write(1, to=site.path("other.log"))
    site.start("*.log")
    site.stop()
    inode = site.log.stat().st_ino
    site.log.unlink()
    site.write(3, to=site.path("new.log"))
    if site.path("new.log").stat().st_ino != inode:
        pytest.skip("this file system does not use the inode again at once")
    site.start("*.log")
    site.check(rotations={})
