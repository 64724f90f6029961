"""One version, wherever it is written."""

import tomllib

import netanomaly

from tests.command import ROOT


def test_the_package_and_its_metadata_name_one_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert netanomaly.__version__ == project["version"]


def test_the_changelog_names_the_version():
    assert f"## {netanomaly.__version__}" in (ROOT / "CHANGELOG.md").read_text()
