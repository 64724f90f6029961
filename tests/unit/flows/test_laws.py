"""Laws of reading: what comes out does not depend on how the bytes came in."""

import bz2
import gzip
import itertools
import lzma
import math

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from netanomaly.flows import lines, sources, values
from netanomaly.flows.streams import TextStream

from tests.unit.flows.reading import Read, write

RELAXED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TEXT = "bytes,proto,label\n" + "".join(
    f"{row % 7 / 4},{('tcp', 'udp', '-', '')[row % 4]},{'normal' if row % 3 else 'scan'}\n" for row in range(400)
)

number = st.one_of(
    st.floats(allow_nan=False, width=64).map(repr),
    st.integers(-(2**70), 2**70).map(str),
    st.sampled_from(
        ["", "-", "NA", "nan", "inf", "-Infinity", "1e400", " 5 ", "+3", ".5", "5.", "True", "false", " - "]
    ),
)
word = st.text(st.characters(codec="utf-8", exclude_characters='\0\r\n"', exclude_categories=["Cs"]), max_size=8)


@RELAXED
@given(block_bytes=st.integers(1, 9000))
def test_rows_do_not_depend_on_how_the_file_is_cut_into_blocks(tmp_path, block_bytes):
    path = write(tmp_path / "a.csv", TEXT)
    # Kinds are told from the first block: a category must be known from its first rows on.
    assert Read(path, block_bytes=block_bytes, categorical_columns=["proto"]).rows == (
        Read(path, categorical_columns=["proto"]).rows
    )


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".bz2", ".zst"])
def test_rows_do_not_depend_on_compression(tmp_path, suffix):
    compress = {".gz": gzip.compress, ".xz": lzma.compress, ".bz2": bz2.compress, ".zst": pa.Codec("zstd").compress}
    plain = Read(write(tmp_path / "a.csv", TEXT))
    content = bytes(compress[suffix](TEXT.encode()))
    packed = Read(write(tmp_path / f"a.csv{suffix}", content))
    assert packed.rows == plain.rows
    assert packed.identity != plain.identity
    # The content tells, where the name does not.
    assert Read(write(tmp_path / "b.csv", content)).rows == plain.rows


def test_a_gzip_file_of_several_members_is_read_to_its_end(tmp_path):
    content = gzip.compress(TEXT[:1000].encode()) + gzip.compress(TEXT[1000:].encode())
    assert Read(write(tmp_path / "a.csv.gz", content)).rows == Read(write(tmp_path / "b.csv", TEXT)).rows


@RELAXED
@given(records=st.lists(st.tuples(number, word), min_size=1, max_size=30))
def test_numbers_are_those_that_pythons_own_reading_gives(tmp_path, records):
    """Whatever the mixture, Arrow's fast way and the slow one agree with the definition in `values`."""
    content = "a,b,c\n0,word,0\n" + "".join(f'{text},"{other}",0\n' for text, other in records)
    read = Read(write(tmp_path / "a.csv", content), categorical_columns=["b"], csv={"header": True})
    expected = [values.number(text) for text, _ in records]
    for found, wanted in zip(read.column("a")[1:], expected, strict=True):
        assert wanted is not None
        assert found == (None if math.isnan(wanted) or abs(wanted) > values.LARGEST else wanted)
    assert read.column("b")[1:] == [values.category(other) for _, other in records]


@RELAXED
@given(content=st.binary(max_size=3000), block_bytes=st.integers(1, 400))
def test_blocks_put_together_are_the_file_and_count_its_lines(tmp_path, content, block_bytes):
    path = write(tmp_path / "a.csv", b"x" + content)
    stream = TextStream(sources.resolve([str(path)]).files[0])
    blocks = list(lines.blocks(stream, block_bytes))
    stream.close()
    assert b"".join(block.text for block in blocks) == b"x" + content
    line = 1
    for block in blocks:
        assert block.first == line
        line += block.count
    assert all(block.text.endswith(b"\n") for block in blocks[:-1])


@RELAXED
@given(content=st.binary(max_size=400))
@example(content=b"\x01,")
def test_any_bytes_are_rows_or_one_clear_error(tmp_path, content):
    """What the file says is what the row says: as a number, or as text where a later row makes text of the column."""
    from netanomaly.errors import InputError

    try:
        row = Read(write(tmp_path / "a.csv", b"a,b\n1,2\n" + content)).rows[0]
    except InputError as error:
        assert "a.csv" in str(error)
    else:
        assert (row["a"], row["b"]) in list(itertools.product((1.0, "1"), (2.0, "2")))
        assert row.keys() == {"a", "b"}
