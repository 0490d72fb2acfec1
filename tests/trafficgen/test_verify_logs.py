import pytest

from trafficgen.verify.logs import count_logs


def test_counts_every_file_of_the_glob(tmp_path):
    (tmp_path / "access.log").write_text("192.0.2.1\tGET /\t200\t17\t0.001\n")
    (tmp_path / "access.log.1479900000").write_text("192.0.2.1\tGET /\t200\t17\n10.0.0.1\tGET /fail\t500\t4\n")
    (tmp_path / "other.log").write_text("192.0.2.1\tGET /\t200\t17\n")

    got = count_logs(f"{tmp_path}/access.log*")

    assert (got.codes, got.files, got.strange) == ({200: 2, 500: 1}, 2, 0)


@pytest.mark.parametrize(
    "line",
    [b"\n", b"no tabs at all\n", b"192.0.2.1\tGET /\tOK\t17\n", b"\xff\xfe\t\x00\n", b"192.0.2.1\tGET /"],
    ids=["blank", "other", "status is a word", "bytes", "torn"],
)
def test_a_line_without_a_status_is_strange(tmp_path, line):
    (tmp_path / "access.log").write_bytes(b"192.0.2.1\tGET /\t404\t17\n" + line)
    got = count_logs(f"{tmp_path}/access.log")
    assert (got.codes, got.strange) == ({404: 1}, 1)


def test_no_file_is_no_line(tmp_path):
    assert count_logs(f"{tmp_path}/access.log*").files == 0
