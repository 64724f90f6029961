"""What the documentation names is there."""

import re
from pathlib import Path

import pytest

from tests.command import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.fixture(params=PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def page(request) -> Path:
    return request.param


def test_links_lead_to_files(page):
    links = re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_make_targets_exist(page):
    targets = set(re.findall(r"(?m)^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text()))
    text = page.read_text()
    named = re.findall(r"(?m)(?:`|^[$#] )make ((?:[a-z][a-z0-9-]* ?)+)", text)
    assert {target for words in named for target in words.split()} <= targets


def test_files_of_the_checkout_that_are_named_exist(page):
    kept = ("components", "images", "manifests", "pipelines", "requirements", "tests", ".github")
    # In commands, too: `kubectl apply -k manifests/base`.
    named = re.findall(
        rf"(?<![\w./:(-])((?:{'|'.join(map(re.escape, kept))})/[\w./-]*\w)(?![\w/*<{{])", page.read_text()
    )
    # Written on a user's machine.
    written = {"images/.base", "manifests/overlays/kind/object-store.env"}
    assert [path for path in named if path not in written and not (ROOT / path).exists()] == []
