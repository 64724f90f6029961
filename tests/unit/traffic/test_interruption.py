"""Ctrl-C ends reading on every thread, in the middle of a file: the main thread waits for the others."""

import pytest
from netanomaly import cli, interruption
from netanomaly.flows import sources
from netanomaly.traffic.opening import format_of
from netanomaly.traffic.reader import TrafficReader, Wish
from netanomaly.traffic.recognition import FORMATS

from tests.unit.traffic.test_laws import SAMPLES


@pytest.fixture(autouse=True)
def over():
    yield
    interruption._asked.clear()


def test_the_signal_is_told_to_other_threads():
    interruption.end_if_interrupted()
    with pytest.raises(interruption.Interrupted):
        cli._interrupt(2, None)
    with pytest.raises(interruption.Interrupted):
        interruption.end_if_interrupted()


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_a_source_of_any_format_is_read_no_further(tmp_path, name, monkeypatch):
    """The signal comes when the first records were read, and nothing is read after that."""
    for number in range(20):
        (tmp_path / f"{number:02}.log").write_text(SAMPLES[name])
    whole, begun = FORMATS[name].read, []

    def read(opened, counts):
        begun.append(opened.uri)
        yield from whole(opened, counts)
        interruption.interrupt()

    monkeypatch.setitem(vars(FORMATS[name]), "read", read)
    found = sources.resolve([str(tmp_path)])
    written = format_of(found)
    assert written is not None
    reader = TrafficReader(found, written, Wish(), tmp_path)
    with pytest.raises(interruption.Interrupted):
        list(reader.batches())
    assert len(begun) <= 2
    assert list(tmp_path.glob(".netanomaly-flows-*")) == []
