"""What a line is while its file grows: in pieces, too long, without its end."""

from rotated import LIMITS


def test_a_line_written_in_pieces_comes_once_and_whole(site):
    site.start()
    for byte in (data := b"192.0.2.7\tGET /\xff\0\t200\t1\r\n"):
        with site.log.open("ab") as file:
            file.write(bytes([byte]))
        site.read()
    assert site.got == data
    assert site.totals.read_bytes == len(data)


def test_a_long_line_is_dropped_and_counted_also_over_a_restart(site):
    site.write()
    site.start()
    with site.log.open("ab") as file:
        file.write(b"x" * 150_000)
    site.read()
    site.restart()
    with site.log.open("ab") as file:
        file.write(b"x" * 50_000 + b"\n")
    site.write()
    site.check(rotations={})
    assert (site.totals.too_long_lines, site.totals.too_long_bytes) == (1, 200_001)
    assert site.totals.read_bytes == site.log.stat().st_size


def test_a_last_line_without_newline_is_given_out_when_nothing_more_can_come(site):
    site.write()
    with site.log.open("ab") as file:
        file.write(b"unfinished")
    site.start()
    site.log.rename(site.path("access.log.1"))
    site.write()
    site.read()
    assert b"unfinished" not in site.got
    site.now_s += LIMITS.grace_s
    site.wrote += b"unfinished\n"
    site.check(rotations={"rename": 1})
    site.restart()
    site.check(rotations={"rename": 1})
