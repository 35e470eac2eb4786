"""Files of a person's, for the tests of all that is read from one."""

import pytest

from nsindy.recording import check


@pytest.fixture
def read(tmp_path):
    def written(content, **ask):
        path = tmp_path / "river.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return check.read_recordings(path, **ask)

    return written
