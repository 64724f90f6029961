"""A Docker daemon with the stage images; where there is none, one line per test says so, and a soak fails."""

import os

import pytest
from netanomaly import images
from netanomaly.errors import NetanomalyError
from netanomaly.runners import docker_daemon


@pytest.fixture(scope="session")
def client():
    """A client of the daemon that tests use."""
    give_up = pytest.fail if os.environ.get("NETANOMALY_SOAK") else pytest.skip
    if os.environ.get("NETANOMALY_WITHOUT_DOCKER"):
        give_up(f"not proven, Docker is absent: {os.environ['NETANOMALY_WITHOUT_DOCKER']}")
    try:
        connected = docker_daemon.connect()
        docker_daemon.require(connected, (images.reference(stage) for stage in images.IMAGES))
    except NetanomalyError as error:
        give_up(f"not proven, Docker cannot be used: {error}")
    yield connected
    connected.close()
