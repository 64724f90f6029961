"""The law of contents: however a text grows, is cut into pieces and copied, each of its bytes is new once."""

import gzip
import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netanomaly.flows.sources import LocalFile
from netanomaly.scoring.contents import HEAD_BYTES, Content, Known, Text, look, look_on
from netanomaly.scoring.part import Changed, Part

LINES = st.lists(st.text('ab#{,"\t é', max_size=30), min_size=1, max_size=400).map(
    lambda lines: "".join(f"{number}{line}\n" for number, line in enumerate(lines)).encode()
)


def pieces(text: bytes, size: int):
    stream = io.BytesIO(text)
    return iter(lambda: stream.read(size), b"")


def exhausted(stream) -> None:
    while stream.read(100):
        pass


def content(text: Text, name: str = "a") -> Content:
    return Content(name, "mark", text.length, text.digest, text.head)


@given(LINES, st.lists(st.integers(0, 10_000), max_size=6), st.sampled_from([1, 7, 100, 1 << 20]))
def test_each_byte_of_a_growing_text_is_new_once(text, cuts, size):
    known, before, got = Known([]), None, b""
    for cut in [*sorted(cut % (len(text) + 1) for cut in cuts), len(text)]:
        found = look(pieces(text[:cut], size), known, whole=False)
        assert found.known == before
        assert found.held is None
        if found.is_new:
            got += text[found.start : found.length]
            made = content(found)
            known.add(made, before)
            before = made
    assert got == text
    again = look(pieces(text, size), known, whole=True)
    assert (again.known, again.is_new) == (before, False)


@given(LINES, LINES, LINES)
def test_a_text_that_grew_is_looked_at_from_where_it_ended(first, second, third):
    texts = [b"#fields\ta\n" + b"x" * HEAD_BYTES + b"\n" + first, second, third]
    known, resume, before = Known([]), None, None
    for number in range(3):
        whole = b"".join(texts[: number + 1])
        found = look(pieces(whole, 64), known, whole=False)
        if resume is not None:
            assert len(whole[resume.begins : resume.content.length]) == len(resume.tail)
            assert whole[resume.begins : resume.content.length] == resume.tail
            on = look_on(pieces(whole[resume.content.length :], 64), resume, whole=False)
            names = ("known", "held", "header", "length", "digest", "head", "new_digest", "new_lines", "whole")
            assert [getattr(on, name) for name in names] == [getattr(found, name) for name in names]
            found = on
        made = content(found)
        known.add(made, before)
        before, resume = made, found.resume(made)


@given(LINES, LINES, st.data())
def test_a_longer_copy_is_new_behind_what_is_known_and_a_shorter_one_is_held(text, more, data):
    known = Known([])
    done = content(look(pieces(text, 50), known, whole=True))
    known.add(done)
    longer = look(pieces(text + more, 50), known, whole=True)
    assert (longer.known, longer.start, longer.length) == (done, len(text), len(text + more))
    cut = data.draw(st.integers(0, len(text) - 1))
    shorter = look(pieces(text[:cut], 50), known, whole=True)
    assert shorter.held == (done if cut >= HEAD_BYTES else None)


@given(LINES, LINES)
def test_other_content_is_new_from_its_start(text, other):
    known = Known([content(look(pieces(text, 50), Known([]), whole=True))])
    found = look(pieces(b"x" + other, 50), known, whole=True)
    assert (found.known, found.start, found.length) == (None, 0, len(other) + 1)


@pytest.mark.parametrize(
    ("text", "header"),
    [
        (b"#separator \\x09\n#fields\ta\tb\n1\t2\n", b"#separator \\x09\n#fields\ta\tb\n"),
        (
            b"#separator \\x09\n#fields\ta\n1\n#close\n#separator \\x09\n#fields\tc\n2\n",
            b"#separator \\x09\n#fields\tc\n#close\n",
        ),
        (b"a,b\n1,2\n", b"a,b\n"),
        (b"\nsep=;\na;b\n1;2\n", b"\nsep=;\na;b\n"),
        (b'{"a": 1}\n', b""),
    ],
)
def test_what_is_new_is_read_by_the_header_that_holds_there(text, header):
    known = Known([])
    known.add(content(look(pieces(text, 3), known, whole=True)))
    found = look(pieces(text + b"more\n", 3), known, whole=True)
    assert found.header == header


@pytest.mark.parametrize("compressed", [False, True])
def test_a_part_is_its_header_and_its_bytes_and_no_others(tmp_path, compressed):
    text = b"".join(b"line %d\n" % number for number in range(1000))
    path = tmp_path / ("a.log.gz" if compressed else "a.log")
    path.write_bytes(gzip.compress(text) if compressed else text)
    known = Known([content(look(pieces(text[:700], 64), Known([]), whole=False))])
    found = look(pieces(text, 64), known, whole=False)
    file = LocalFile(str(path), path.name, path, path.stat().st_size)
    part = Part(file, b"header\n", found.start, found.length, found.new_digest, compressed)
    with part.open() as stream:
        assert stream.read() == b"header\n" + text[found.start :]
    assert part.name == "a.log"
    changed = text.replace(b"line 999", b"line 998")
    path.write_bytes(gzip.compress(changed) if compressed else changed)
    with part.open() as stream, pytest.raises(Changed):
        exhausted(stream)


def test_a_file_that_was_cut_while_it_was_read_has_changed(tmp_path):
    path = tmp_path / "a.log"
    path.write_bytes(b"a\n" * 1000)
    found = look(pieces(b"a\n" * 1000, 64), Known([]), whole=False)
    os.truncate(path, 100)
    part = Part(LocalFile(str(path), path.name, path, 2000), b"", 0, found.length, found.new_digest, compressed=False)
    with part.open() as stream, pytest.raises(Changed):
        exhausted(stream)
