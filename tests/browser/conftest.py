"""A headless browser, for what only a browser can tell: layout, colours, what a sandbox lets through."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Browser = Callable[..., str]
_QUIET = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage", "--hide-scrollbars"),
]


@pytest.fixture
def dump_dom(tmp_path: Path) -> Browser:
    """A function that opens a file in Chromium and returns its document after its scripts ran."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("no chromium on PATH")

    def dump(page: Path, dark: bool = False) -> str:
        scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
        done = subprocess.run(
            [chromium, *_QUIET, f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1280,900", scheme,
             "--dump-dom", page.as_uri()],
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
        return done.stdout

    return dump
