"""Ctrl-C ends reading on every thread, in the middle of a file: the main thread waits for the others."""

import pytest
from netanomaly import cli, interruption
from netanomaly.flows import sources
from netanomaly.traffic.opening import format_of
from netanomaly.traffic.reader import TrafficReader, Wish
from netanomaly.traffic.recognition import FORMATS

from tests.command import netanomaly_here
from tests.unit.traffic.test_laws import SAMPLES


@pytest.fixture(autouse=True)
def over():
    yield
    interruption.forget()


def test_the_signal_is_told_to_other_threads():
    interruption.end_if_interrupted()
    with pytest.raises(interruption.Interrupted):
        cli._interrupt(2, None)
    with pytest.raises(interruption.Interrupted):
        interruption.end_if_interrupted()


def test_the_next_command_of_the_same_process_is_another(tmp_path, monkeypatch):
    source = tmp_path / "conn.log"
    source.write_text(SAMPLES["zeek-tsv"])
    with monkeypatch.context() as patched:
        patched.setattr("netanomaly.stages.ingest.program.ingest", lambda *_, **__: cli._interrupt(2, None))
        assert netanomaly_here("ingest", source, "--out", tmp_path / "1.parquet").code == 130
    assert netanomaly_here("ingest", source, "--out", tmp_path / "2.parquet").code == 0


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
