"""What the tests of attacks share."""

import os

import pytest


@pytest.fixture(autouse=True)
def disk_is_not_waited_for(monkeypatch) -> None:
    """Nothing here is about power cuts, and a busy disk takes 10 ms for each flush."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
