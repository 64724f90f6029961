"""A daemon that goes away in the middle, is too old, or says no: one clear line, code 3, and the run can be repeated."""

import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import requests
from docker.errors import APIError
from netanomaly.runners import docker_daemon

from tests.command import NETANOMALY, ROOT, netanomaly

COMMAND = ("run", str(ROOT / "configs/nsl-kdd.json"), "--runner", "docker", "--workdir")


class Between:
    """A socket that passes everything to the daemon, until it is cut."""

    def __init__(self, path: Path, daemon: str) -> None:
        self._daemon = daemon.removeprefix("unix://")
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen(64)
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def cut(self) -> None:
        for one in (self._listening, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            daemon = socket.socket(socket.AF_UNIX)
            daemon.connect(self._daemon)
            self._open += [client, daemon]
            for ends in ((client, daemon), (daemon, client)):
                thread = threading.Thread(target=self._pass_on, args=ends)
                self._threads.append(thread)
                thread.start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


@pytest.mark.xdist_group("containers")
def test_a_daemon_that_goes_away_ends_the_run_clearly_and_it_can_be_repeated(client, tmp_path):
    address = docker_daemon.address()
    if not address.startswith("unix://"):
        pytest.skip("the daemon is not on a unix socket")
    between = Between(tmp_path / "socket", address)
    process = subprocess.Popen(
        [str(NETANOMALY), *COMMAND, str(tmp_path / "runs")],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "DOCKER_HOST": f"unix://{tmp_path / 'socket'}"},
    )
    assert process.stderr
    for line in process.stderr:
        if line.startswith("ingest: started"):
            break
    between.cut()
    said = process.communicate(timeout=100)[1]
    assert process.returncode == 3, said
    assert "is gone" in said.splitlines()[-1]
    assert "start it and run again" in said.splitlines()[-1]
    again = netanomaly(*COMMAND, tmp_path / "runs", "--json")
    assert again.code == 0, again.stderr
    listed = netanomaly("registry", "list", "--registry", tmp_path / "runs/registry", "--json").json
    assert listed[0]["versions_registered"] == again.json["version"] == 1


@contextmanager
def answering(body: bytes) -> Iterator[str]:
    """A daemon of another kind: it answers everything alike."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"tcp://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_daemon_that_is_too_old_is_told_from_one_that_is_absent(tmp_path):
    with answering(b'{"ApiVersion": "1.39", "Version": "18.09"}') as host:
        ended = netanomaly(*COMMAND, tmp_path, DOCKER_HOST=host)
    assert ended.code == 3
    assert "20.10" in ended.last_line
    assert len(ended.stderr.strip().splitlines()) == 1


def test_what_answers_and_is_no_daemon_is_one_line(tmp_path):
    with answering(b"<html>") as host:
        ended = netanomaly(*COMMAND, tmp_path, DOCKER_HOST=host)
    assert (ended.code, len(ended.stderr.strip().splitlines())) == (3, 1), ended.stderr


def refusal(text: str) -> APIError:
    response = requests.Response()
    response.status_code = 500
    return APIError("500 Server Error", response, text)


def test_a_full_disk_and_a_closed_socket_say_what_to_do():
    full = refusal("failed to create shim: write /x: no space left on device: unknown")
    assert "Docker's disk is full (creating): free some" in docker_daemon.in_words(full, "creating")
    closed = requests.ConnectionError("('Connection aborted.', PermissionError(13, 'Permission denied'))")
    assert "usermod -aG docker" in str(docker_daemon._unreachable(closed, "unix:///x"))
