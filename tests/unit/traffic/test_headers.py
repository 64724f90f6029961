"""Headers between records: however many, each record keeps its line's number and the header that it stands under."""

import re

from hypothesis import given
from hypothesis import strategies as st
from netanomaly.flows.lines import Lines
from netanomaly.traffic import delimited

HEADER = re.compile(rb"(?m)^#.*\n")


def told(parts, header=None):
    """Of each record its line's number, its text and its header."""
    found = []
    for part, named in parts:
        if named is not None:
            header = named
            continue
        lines = part.text.split(b"\n")
        found += [(number, line, header) for number, line in enumerate(lines, part.first) if line.strip()]
    return found


@given(
    st.lists(st.sampled_from([b"#a\n", b"#b\n", b"x\n", b"y\n", b"\n"]), max_size=400),
    st.sampled_from(["#a", "#b", None]),
)
def test_joined_runs_tell_what_the_parts_told(lines, in_force):
    block = Lines(b"".join(lines), 7, len(lines))

    def parts():
        return delimited.headed_parts(block, HEADER, lambda line: [line.decode().strip()])

    before = None if in_force is None else [in_force]
    assert told(delimited.joined(parts(), before, "log"), before) == told(parts(), before)
