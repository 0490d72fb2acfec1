"""Compressed files beside a log hold up neither the log nor the end of the process, whatever they unpack to."""

import gzip
import itertools
import lzma
import threading
import time

import pytest

from exporter.sources import files
from exporter.sources.tail import copies
from exporter.sources.tail.follow import Follower
from exporter.sources.tail.mark import Limits
from exporter.sources.tail.positions import encode

pytestmark = pytest.mark.slow

LIMITS = Limits(hold_up_s=0.0, unended_bytes=4 << 20)
LINE = b"192.0.2.1\tGET /\t200\t5\n"
PIECE = 1 << 20


class Site:
    """A log that was read, and then moved away while nobody looked; its reader comes back to what stands there now."""

    tail: Follower

    def __init__(self, folder):
        self.log, self.now_s, self.rounds = folder / "access.log", 0.0, []
        self.log.write_bytes(LINE * 100)
        self.start(None)
        self.round()
        self.saved = encode(self.tail.state())
        self.tail.close()
        self.log.unlink()
        self.rounds.clear()

    def start(self, saved):
        self.tail = Follower([str(self.log)], from_start=True, saved=saved, limits=LIMITS)

    def come_back(self):
        self.log.write_bytes(b"".join(b"new %d\n" % n for n in range(10)))
        self.start(self.saved)

    def round(self):
        """What one round gives out."""
        self.now_s += 2
        data = b""
        while (batch := self.tail.step(self.now_s, time.time())) is not None:
            data += batch.data
        self.rounds.append(data)
        return data

    def until(self, done):
        while not done():
            assert len(self.rounds) < 200
            self.round()


@pytest.fixture
def site(tmp_path):
    made = Site(tmp_path)
    yield made
    made.tail.close()


@pytest.fixture
def unpacked(monkeypatch):
    """Pieces that were unpacked to see what a file is."""
    counted = []

    def pieces(plain, size, path):
        for piece in copies_pieces(plain, size, path):
            counted.append(len(piece))
            yield piece

    copies_pieces = files.pieces
    monkeypatch.setattr(copies, "pieces", pieces)
    return counted


def bomb(path, content, packer=gzip):
    with packer.open(path, "wb", **({"preset": 0} if packer is lzma else {"compresslevel": 1})) as out:
        for piece in content:
            out.write(piece)


@pytest.mark.parametrize("packer", [gzip, lzma])
def test_a_file_that_begins_as_nothing_known_is_unpacked_no_further_to_see_what_it_is(site, unpacked, packer):
    bomb(site.log.with_name("access.log.1.gz"), [bytes(PIECE)] * 24, packer)
    site.come_back()
    assert site.round() == site.log.read_bytes()
    site.until(lambda: not site.tail._looks._begun and not site.round())
    assert sum(unpacked) <= 2 * PIECE


def test_a_file_that_begins_as_the_log_is_unpacked_no_further_than_the_log_goes(site, unpacked):
    bomb(site.log.with_name("access.log.1.gz"), [LINE * 50, *[b"\n" * PIECE] * 24])
    site.come_back()
    site.until(lambda: b"new 9\n" in b"".join(site.rounds))
    for _ in range(5):
        site.round()
    assert sum(unpacked) <= 2 * PIECE


def test_what_has_no_line_end_for_long_is_not_read_on(site, caplog):
    bomb(site.log.with_name("access.log.1.gz"), [bytes(PIECE)] * 24)
    site.come_back()
    site.until(lambda: "without a line end" in caplog.text)
    assert b"".join(site.rounds) == site.log.read_bytes()
    totals = site.tail.state().about.totals
    assert (totals.too_long_lines, totals.too_long_bytes <= LIMITS.unended_bytes + 8 * PIECE) == (1, True)
    for _ in range(5):
        site.round()
    assert (site.tail.state().about.totals, caplog.text.count("without a line end")) == (totals, 1)


def test_lines_of_a_large_copy_come_beside_those_of_the_log(site):
    bomb(site.log.with_name("access.log.1.gz"), [LINE * 100, *[b"old\n" * (PIECE // 4)] * 16])
    site.come_back()
    site.until(lambda: b"new 9\n" in site.round())
    assert len(b"".join(site.rounds)) < 8 * LIMITS.batch_bytes
    for n in range(10, 20):
        with site.log.open("ab") as more:
            more.write(b"new %d\n" % n)
        site.until(lambda n=n: b"new %d\n" % n in site.round())
    site.until(lambda: not site.round())
    got = b"".join(site.rounds)
    assert (got.count(b"old\n"), got.count(b"new "), got.count(LINE)) == (16 * PIECE // 4, 20, 0)
    assert site.tail.state().about.totals.rotations == {"compress": 1}


def test_a_copy_that_takes_many_scans_to_recognize_is_read_once_and_from_where_the_log_was_read(site, monkeypatch):
    site.log.write_bytes(LINE * 300_000)
    site.start(site.saved)
    site.until(lambda: not site.round())
    site.saved = encode(site.tail.state())
    site.tail.close()
    site.rounds.clear()
    whole = site.log.read_bytes() + b"missed\n" * 3
    site.log.unlink()
    site.log.with_name("access.log.1.gz").write_bytes(gzip.compress(whole, 1))
    site.come_back()
    assert site.round() == site.log.read_bytes()  # before anything is known of the copy
    for _ in range(20):
        site.round()
    assert b"".join(site.rounds) == site.log.read_bytes() + b"missed\n" * 3
    assert site.tail.state().about.totals.lost_bytes == 0


def test_the_end_waits_for_no_file_that_goes_on_for_ever(site, monkeypatch):
    begun = threading.Event()

    def endless(plain, size, path):
        yield from ([LINE * 50])
        for _ in itertools.count():
            begun.set()
            yield b""

    site.log.with_name("access.log.1.gz").write_bytes(gzip.compress(LINE * 200))
    monkeypatch.setattr("exporter.sources.tail.stream.pieces", endless)
    site.log.write_bytes(b"new\n")
    site.tail = Follower([str(site.log)], from_start=True, saved=site.saved, limits=Limits(hold_up_s=float("inf")))
    step = threading.Thread(target=site.tail.step, args=(2.0, time.time()))
    step.start()
    assert begun.wait(30)
    site.tail.close()
    step.join(30)
    assert not step.is_alive()
