"""An inbox that others may write to: a fault costs its own file, and no name or link reaches outside of the folder."""

import os

import pytest
from starving import no_descriptors

from exporter.stores import inbox as inboxes
from exporter.stores import load as loading
from exporter.stores.inbox import LONGEST_RETRY_S, MOST_AT_ONCE, RETRY_S, Inbox
from foundation.errors import StoreError

pytestmark = pytest.mark.slow

GOOD = "store_id,status,timestamp_utc\n{},active,2026-01-01 00:00:00 UTC\n"


class Box:
    """An inbox, its database, and a monotonic clock that stands still."""

    def __init__(self, folder, world):
        self.folder, self.world, self.time_s = folder, world, 0.0
        self.inbox = Inbox(folder, lambda: self.time_s)
        self.inbox.look()

    def land(self, name, text=None):
        path = self.folder / name
        path.write_text(GOOD.format("store") if text is None else text)
        os.utime(path, (1e9, 1e9))

    def empty(self):
        """Take in what rests; what became of each file."""
        now_us = self.world.moment("2026-02-01")
        return {file.name: self.inbox.take(file, self.world.database, now_us).result for file in self.inbox.look()[0]}

    def left(self, name="."):
        return sorted(path.name for path in (self.folder / name).iterdir())


@pytest.fixture
def box(tmp_path, stores_world):
    return Box(tmp_path / "inbox", stores_world)


NAMES = [
    "*.csv",
    "[ab]*.csv",
    "a'b.csv",
    "x'); DROP TABLE polls; --.csv",
    "a b\n.csv",
    "$path.csv",
    "-rf.csv",
    "{a,b}.csv",
]
NAMES += ["caf\xe9.csv", "\udce9\x1b[31m.csv", "C.CSV", "n" * 251 + ".csv"]


def test_any_name_is_taken_in_and_put_away_under_itself(box):
    for name in NAMES:
        box.land(name)
    assert box.empty() == dict.fromkeys(NAMES, "done")
    assert (box.left(), box.left("done")) == (["done", "failed"], sorted(NAMES))


def test_a_name_never_takes_in_another_file(box, tmp_path):
    (box.folder / "done" / "a.csv").write_text("no header")
    box.land("a.csv")
    box.land("done*.csv")
    assert set(box.empty().values()) == {"done"}
    assert box.left("done") == ["a-2.csv", "a.csv", "done*.csv"]


@pytest.mark.parametrize("name", NAMES)
def test_a_bad_file_of_any_name_has_its_reason_beside_it(box, name):
    box.land(name, "evil = line\n")
    assert box.empty() == {name: "failed"}
    reasons = [left for left in box.left("failed") if left.endswith(".reason.txt")]
    assert box.left("failed") == sorted([name, *reasons])
    assert reasons == [f"{name}.reason.txt"] or len(os.fsencode(name)) > 255 - len(".reason.txt")


def test_links_pipes_and_what_they_lead_to_are_set_aside_unread(box, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret_line\n")
    (box.folder / "link.csv").symlink_to(secret)
    (box.folder / "dangling.csv").symlink_to("nowhere")
    os.mkfifo(box.folder / "pipe.csv")
    for name in ("link.csv", "dangling.csv", "pipe.csv"):
        os.utime(box.folder / name, (1e9, 1e9), follow_symlinks=False)
    assert box.empty() == {"link.csv": "failed", "dangling.csv": "failed", "pipe.csv": "failed"}
    text = (box.folder / "failed" / "link.csv.reason.txt").read_text()
    assert "secret_line" not in text
    assert "only regular files" in text
    assert secret.read_text() == "secret_line\n"


@pytest.mark.parametrize("planted", ["bad.csv.reason.txt", "bad.csv"])
@pytest.mark.parametrize("target", ["victim", "nowhere"])
def test_a_link_planted_in_failed_is_neither_followed_nor_replaced(box, tmp_path, planted, target):
    (tmp_path / "victim").write_text("precious\n")
    (box.folder / "failed" / planted).symlink_to(tmp_path / target)
    box.land("bad.csv", "evil = line\n")
    assert box.empty() == {"bad.csv": "failed"}
    assert ((tmp_path / "victim").read_text(), (tmp_path / "nowhere").exists()) == ("precious\n", False)
    assert (box.folder / "failed" / planted).is_symlink()
    assert box.left("failed") == sorted([planted, "bad-2.csv", "bad-2.csv.reason.txt"])


@pytest.mark.parametrize("kind", ["done", "failed"])
def test_a_link_in_place_of_a_folder_is_not_followed_and_costs_nothing_else(box, tmp_path, kind, caplog):
    (tmp_path / "elsewhere").mkdir()
    (box.folder / kind).rmdir()
    (box.folder / kind).symlink_to(tmp_path / "elsewhere")
    box.land("a.csv", None if kind == "done" else "evil = line\n")
    box.land("b.csv", None if kind == "failed" else "evil = line\n")
    assert box.empty() == {"a.csv": "later", "b.csv": "failed" if kind == "done" else "done"}
    assert (list((tmp_path / "elsewhere").iterdir()), "a.csv" in box.left()) == ([], True)
    assert sum("a.csv stays in the inbox" in record.getMessage() for record in caplog.records) == 1


def test_an_unexpected_error_costs_the_one_file(box, monkeypatch, caplog):
    def load(database, inputs, now_us):
        if inputs[0].name == "a.csv":
            raise RuntimeError("never thought of \udce9")
        return loading.load(database, inputs, now_us)

    monkeypatch.setattr(inboxes, "load", load)
    box.land("a.csv")
    box.land("b.csv")
    assert box.empty() == {"a.csv": "failed", "b.csv": "done"}
    assert "RuntimeError: never thought of" in (box.folder / "failed" / "a.csv.reason.txt").read_text()
    assert [record.exc_info is not None for record in caplog.records if record.levelname == "ERROR"] == [True]


def test_a_file_that_can_neither_be_read_nor_put_away_waits_longer_each_time_until_it_changes(box, monkeypatch, caplog):
    def full(database, inputs, now_us):
        raise StoreError("the disk is full")

    monkeypatch.setattr(inboxes, "load", full)
    box.land("a.csv")
    delays = []
    for _ in range(12):
        assert box.empty() == {"a.csv": "later"}
        assert box.empty() == {}
        delays.append(box.inbox.look().again_s)
        box.time_s += delays[-1]
    assert delays == [min(RETRY_S * 2**failures, LONGEST_RETRY_S) for failures in range(12)]
    assert delays[-1] == LONGEST_RETRY_S
    assert sum("stays in the inbox" in record.getMessage() for record in caplog.records) == 1
    monkeypatch.undo()
    assert box.empty() == {"a.csv": "done"}
    assert box.inbox.look() == ([], None)


@pytest.mark.parametrize("spare", range(8))
def test_where_descriptors_run_out_a_file_stays_and_is_taken_in_later(box, spare):
    """Each step from the look to the move opens something; whichever fails, the file is not to blame."""
    box.land("a.csv")
    (file,) = box.inbox.look().resting
    with no_descriptors(spare):
        result = box.inbox.take(file, box.world.database, box.world.moment("2026-02-01")).result
    assert result in {"done", "later"}
    box.time_s += RETRY_S
    assert box.empty() == ({"a.csv": "done"} if result == "later" else {})
    assert (box.left("done"), box.left("failed")) == (["a.csv"], [])
    with box.world.database.reading() as cursor:
        assert cursor.execute("SELECT count(*) FROM polls").fetchone() == (1,)


def test_a_changed_file_is_tried_at_once(box, monkeypatch):
    monkeypatch.setattr(inboxes, "load", lambda *_: (_ for _ in ()).throw(StoreError("the disk is full")))
    box.land("a.csv")
    assert box.empty() == {"a.csv": "later"}
    monkeypatch.undo()
    box.land("a.csv", GOOD.format("another"))
    assert box.empty() == {"a.csv": "done"}


def test_files_that_fail_do_not_keep_others_out_however_many_they_are(box, monkeypatch):
    monkeypatch.setattr(inboxes, "MOST_AT_ONCE", 3)
    assert MOST_AT_ONCE > 3
    for name in ("a.csv", "b.csv", "c.csv", "z.csv"):
        box.land(name)
    monkeypatch.setattr(inboxes, "load", lambda *_: (_ for _ in ()).throw(StoreError("the disk is full")))
    assert box.empty() == dict.fromkeys(("a.csv", "b.csv", "c.csv"), "later")
    monkeypatch.setattr(inboxes, "load", loading.load)
    assert box.empty() == {"z.csv": "done"}


def test_a_file_that_is_replaced_while_it_is_read_is_read_again(box, monkeypatch):
    def load(database, inputs, now_us):
        box.land("new", GOOD.format("another"))
        (box.folder / "new").rename(box.folder / "a.csv")
        return loading.load(database, inputs, now_us)

    box.land("a.csv")
    monkeypatch.setattr(inboxes, "load", load)
    assert box.empty() == {"a.csv": "changed"}
    monkeypatch.undo()
    assert box.empty() == {"a.csv": "done"}


def test_a_json_file_that_stands_beside_is_left_alone(tmp_path):
    """The demo's feed writes `truth.json` into the folder that it feeds."""
    box = Inbox(tmp_path / "inbox")
    box.look()
    (tmp_path / "inbox" / "truth.json").write_text("{}")
    assert box.look() == ([], None)
