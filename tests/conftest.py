"""Fixtures that every kind of test shares."""

import signal
from pathlib import Path

import pytest

for _number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    # As at a terminal, wherever these tests run: what starts a job in the background may have it ignore them.
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _number == signal.SIGINT else signal.SIG_DFL)

_ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets beside a checkout; tests that need it are skipped where it is absent."""
    folder = _ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"real data sets are not at {folder}")
    return folder
