"""Rows that are not to be learnt from are found again by file and record, and by nothing else."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from netanomaly.errors import DataError
from netanomaly.flows import left_out
from netanomaly.flows.batch import Batch
from netanomaly.flows.left_out import LeftOut, RowsByFile


def batch(file: str | pa.DictionaryArray, records: list[int]) -> Batch:
    count = len(records)
    return Batch(
        np.zeros((1, count)), {}, None, {}, np.ones(1, dtype=bool), file=file, records=np.array(records, dtype=np.int64)
    )


def kept(rows: RowsByFile, folder) -> LeftOut:
    data = rows.encode()
    path = folder / left_out.name_of(data)
    path.write_bytes(data)
    return left_out.read(str(path))


ROWS = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(1, 50), st.booleans()), max_size=60, unique_by=lambda row: row[:2]
)


@settings(deadline=None)
@given(ROWS, st.integers(1, 20))
def test_each_marked_row_is_left_out_and_no_other_however_they_come_in_batches(tmp_path_factory, rows, size):
    found = RowsByFile()
    for begin in range(0, len(rows), size):
        part = rows[begin : begin + size]
        files = pa.array([file for file, _, _ in part], pa.string()).dictionary_encode()
        found.add(files, np.array([each[1] for each in part]), np.array([each[2] for each in part], dtype=bool))
    away = kept(found, tmp_path_factory.mktemp("rows"))
    stay = []
    for begin in range(0, len(rows), size + 1):
        part = rows[begin : begin + size + 1]
        files = pa.array([file for file, _, _ in part], pa.string()).dictionary_encode()
        mask = away.mask(batch(files, [each[1] for each in part]))
        stay += [row for row, stays in zip(part, mask.tolist(), strict=True) if stays]
    assert stay == [row for row in rows if not row[2]]
    assert away.met == away.rows == len(rows) - len(stay)


def test_the_same_records_of_another_file_stay_and_it_is_known_that_none_was_met(tmp_path):
    found = RowsByFile()
    found.add("monday.log", np.array([1, 2, 3]), np.array([True, False, True]))
    away = kept(found, tmp_path)
    assert away.mask(batch("tuesday.log", [1, 2, 3])).all()
    assert (away.met, away.rows) == (0, 2)
    assert away.mask(batch("monday.log", [3, 2])).tolist() == [False, True]


def test_more_than_can_be_kept_are_counted(monkeypatch):
    monkeypatch.setattr(left_out, "MOST_ROWS", 3)
    found = RowsByFile()
    for _ in range(2):
        found.add("a", np.arange(2), np.ones(2, dtype=bool))
    assert (found.rows, found.over) == (3, 1)


@pytest.mark.parametrize("data", [b"{}", b"no json", b'{"format":1,"files":[]}', b'{"format":2,"files":{}}', b"[]"])
def test_what_is_no_list_of_rows_is_one_line(tmp_path, data):
    path = tmp_path / left_out.name_of(data)
    path.write_bytes(data)
    with pytest.raises(DataError, match="rows to leave out"):
        left_out.read(str(path))
    (tmp_path / "altered.json").write_bytes(data)
    with pytest.raises(DataError, match="not what its name says"):
        left_out.read(str(tmp_path / "altered.json"))
