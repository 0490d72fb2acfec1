"""The real exporter counts every line once, through every rotation, restart and SIGKILL."""

import pytest
import rotation_matrix


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_every_rotation_at_every_rate_however_the_exporter_runs(tmp_path, capsys):
    rows = rotation_matrix.matrix(1.6, tmp_path)
    with capsys.disabled():
        print("\n" + rotation_matrix.table(rows))
    assert [row for row in rows if not row.good] == []
    assert len(rows) == len(rotation_matrix.KINDS) * 3 * 2
