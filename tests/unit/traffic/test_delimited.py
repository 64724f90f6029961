"""Lines with quotes: each is as many fields as there are columns, or counted, whatever stands beside it."""

import pyarrow as pa
from hypothesis import example, given, settings
from hypothesis import strategies as st
from netanomaly.flows.lines import Lines
from netanomaly.traffic import delimited
from netanomaly.traffic.table import Counts

LAYOUT = delimited.Layout(("a", "b"), {"a": pa.string(), "b": pa.string()}, ",", quoted=True)
LINE = st.text(alphabet='",a \r', min_size=1, max_size=8).filter(str.strip)


def read(*lines: str) -> tuple[list[dict[str, str | None]], int]:
    text = "".join(f"{line}\n" for line in lines).encode()
    counts = Counts()
    found, _ = delimited.read(Lines(text, 1, len(lines)), LAYOUT, counts)
    return found.to_pylist(), sum(counts.dropped.values())


@settings(deadline=None)
@given(st.lists(LINE, min_size=1, max_size=4))
@example(['a"a,"a', '"a","a"'])
@example(['a,"a', 'a",a\ra,a'])
def test_a_line_with_quotes_is_read_as_it_is_alone_and_swallows_none_beside_it(lines):
    # Of which Arrow refuses the whole block, so that each line is asked by itself.
    lines = [*lines, "no width"]
    found, dropped = read(*lines)
    assert len(found) + dropped == len(lines)
    assert found == [row for line in lines for row in read(line, "no width")[0]]


@settings(deadline=None)
@given(st.lists(st.text(alphabet='",a \r', max_size=8), min_size=1, max_size=4))
@example(["a,a\ra,a", ""])
@example(['a,"a', 'a",a\ra,a'])
def test_no_row_is_of_two_lines_nor_a_line_of_two_rows(lines):
    found, dropped = read(*lines)
    assert len(found) + dropped == sum(bool(line.strip()) for line in lines)
