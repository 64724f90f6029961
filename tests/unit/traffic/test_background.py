"""Work on threads of its own."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from netanomaly.flows import sources
from netanomaly.traffic.background import ahead, beside
from netanomaly.traffic.opening import OpenFile


class Numbers:
    """1, 2, 3, ..., and how many of them were made, and on which thread it was closed."""

    def __init__(self, fails_at: int = 1000) -> None:
        self.made, self.closed_on = 0, ""
        self._fails_at = fails_at
        self.new = threading.Semaphore(0)

    def __iter__(self) -> Iterator[int]:
        try:
            while self.made < self._fails_at:
                self.made += 1
                self.new.release()
                yield self.made
            raise ValueError("the last is made")
        finally:
            self.closed_on = threading.current_thread().name


@pytest.mark.parametrize("items", [1, 3])
def test_so_many_are_made_before_they_are_asked_for_and_no_more(items: int) -> None:
    source = Numbers()
    numbers = ahead(iter(source), items)
    for asked in range(1, 6):
        assert next(numbers) == asked
        # Others are made meanwhile, ...
        for _ in range(items + 1 if asked == 1 else 1):
            assert source.new.acquire(timeout=30)
        # ... and then nothing is.
        assert not source.new.acquire(timeout=0.02)
        assert source.made == asked + items
    numbers.close()


def test_an_error_comes_behind_the_items_that_were_made_before_it() -> None:
    found: list[int] = []
    with pytest.raises(ValueError, match="the last is made"):
        found.extend(ahead(iter(Numbers(fails_at=5)), 2))
    assert found == [1, 2, 3, 4, 5]


def test_a_source_that_is_given_up_is_closed_on_its_own_thread() -> None:
    source = Numbers()
    numbers = ahead(iter(source), 2)
    next(numbers)
    numbers.close()
    assert source.closed_on == "ahead"
    assert source.made <= 4


def test_both_are_at_work_at_once() -> None:
    met = threading.Barrier(2)

    def meet(word: str) -> str:
        met.wait(30)
        return word

    assert beside(lambda: meet("one"), lambda: meet("other")) == ("one", "other")


def test_where_both_fail_the_first_ones_error_is_told() -> None:
    def fail(word: str) -> None:
        raise ValueError(word)

    with pytest.raises(ValueError, match="one"):
        beside(lambda: fail("one"), lambda: fail("other"))
    with pytest.raises(ValueError, match="other"):
        beside(lambda: None, lambda: fail("other"))


def test_a_file_that_is_given_up_is_read_no_further(tmp_path: Path) -> None:
    (tmp_path / "conn.log").write_text("#fields\tts\n" + 1_000_000 * "1700000000.000000\n")
    file = OpenFile(sources.resolve([str(tmp_path / "conn.log")]).files[0], 0)
    assert next(file.opened.blocks()).first == 1
    assert "ahead" in [thread.name for thread in threading.enumerate()]
    file.close()
    assert "ahead" not in [thread.name for thread in threading.enumerate()]
