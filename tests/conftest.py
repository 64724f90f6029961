"""Fixtures that every kind of test shares."""

import signal
from pathlib import Path

import pytest

for _number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    # As at a terminal, wherever these tests run: what starts a job in the background may have it ignore them.
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _number == signal.SIGINT else signal.SIG_DFL)

_ROOT = Path(__file__).resolve().parents[1]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share what is made once run in one worker, where it is made once: else each worker would make it anew."""
    for item in items:
        if isinstance(item, pytest.Function) and item.get_closest_marker("xdist_group") is None:
            shared = _shared(item)
            if shared:
                item.add_marker(pytest.mark.xdist_group(shared))


def _shared(item: pytest.Function) -> str:
    """The file or folder whose fixture for many tests this one asks for, and that fixture's parameter; empty: none."""
    found = [
        fixture
        for name in item.fixturenames
        for fixture in item._fixtureinfo.name2fixturedefs.get(name, ())
        if fixture.scope in ("session", "module") and fixture.baseid.startswith("tests/")
    ]
    parameters = getattr(item, "callspec", None)
    ids = [
        str(parameters.indices[fixture.argname])
        for fixture in found
        if parameters is not None and fixture.params and fixture.argname in parameters.indices
    ]
    # What a folder shares, its files share.
    return (
        "-".join([min((fixture.baseid for fixture in found), key=len, default=""), *sorted(set(ids))]) if found else ""
    )


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets beside a checkout; tests that need it are skipped where it is absent."""
    folder = _ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"real data sets are not at {folder}")
    return folder
