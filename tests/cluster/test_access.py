"""Reaching a server and signing in: what is sent, and what is said where it is not enough."""

import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from netanomaly.cluster import access

from tests.cluster.faults import Fault


def sent(standin, header):
    return {headers.get(header) for _, _, headers in standin.seen}


def test_the_address_may_come_from_the_environment(standin, monkeypatch, command):
    from tests.command import netanomaly

    monkeypatch.setenv("KF_PIPELINES_ENDPOINT", f"{standin.url}/#/runs")
    assert netanomaly("upload").code == 0


def test_a_token_of_the_environment_is_sent_and_shown_nowhere(standin, monkeypatch, command):
    standin.token = "s3cr3t"
    monkeypatch.setenv("NETANOMALY_KFP_TOKEN", "s3cr3t")
    ended = command("upload", "--json")
    assert ended.code == 0
    assert sent(standin, "authorization") == {"Bearer s3cr3t"}
    assert "s3cr3t" not in ended.stdout + ended.stderr


def test_a_token_file_is_read_anew_for_each_request(standin, configuration, here, tmp_path):
    """A kubelet writes a new token before the old one expires."""
    file = tmp_path / "token"
    file.write_text("first\n")
    standin.token = "first"

    def renew(run):
        standin.token = f"token-{run.step}"
        file.write_text(f"{standin.token}\n")

    standin.on_run = renew
    assert here("submit", configuration, "--token-file", file).code == 0


def test_a_token_that_expires_while_a_run_is_watched_leaves_the_run_running(standin, configuration, here, tmp_path):
    file = tmp_path / "token"
    file.write_text("first")
    standin.token = "first"
    standin.on_run = lambda run: setattr(standin, "token", "second") if run.step == 4 else None
    ended = here("submit", configuration, "--token-file", file, "--json")
    (run,) = standin.runs.values()
    assert (ended.code, ended.json["state"], ended.json["run_id"]) == (3, "unknown", run.id)
    assert "signed out while the run was watched" in ended.last_line
    assert f"run {run.id} goes on" in ended.last_line


def test_a_cookie_of_a_signed_in_browser_is_sent(standin, monkeypatch, here):
    standin.cookie = "authservice_session=abc"
    monkeypatch.setenv("NETANOMALY_KFP_COOKIE", "authservice_session=abc")
    assert here("upload").code == 0


def test_no_credentials_are_a_clear_error(standin, here):
    standin.token = "s3cr3t"
    ended = here("upload")
    assert ended.code == 2
    assert "refuses GET /apis/v2beta1/healthz with 401 (Unauthenticated)" in ended.last_line
    assert "give a token or a cookie" in ended.last_line


def test_missing_rights_are_a_clear_error(standin, here):
    standin.faults = [Fault("POST", "/pipelines/upload", "error", status=403)]
    ended = here("upload")
    assert ended.code == 2
    assert "may not do that" in ended.last_line


def test_being_sent_on_to_sign_in_is_told_as_that(standin, here):
    standin.cookie = "authservice_session=abc"
    ended = here("upload")
    assert ended.code == 2
    assert "/dex/auth?client_id=kubeflow" in ended.last_line
    assert "a page to sign in on" in ended.last_line
    assert len(standin.seen) == 1


def test_a_page_instead_of_json_is_told_as_that(standin, here):
    standin.faults = [Fault("GET", "/healthz", "page")]
    ended = here("upload")
    assert ended.code == 2
    assert "a web page, 'Log in to Dex', instead of JSON" in ended.last_line


def test_a_page_in_the_middle_makes_nothing_twice(standin, configuration, here):
    standin.faults = [Fault("POST", "^/apis/v2beta1/runs$", "page")]
    assert here("submit", configuration).code == 2
    assert len(standin.runs) == 0


@pytest.mark.parametrize(
    ("host", "code", "words"),
    [
        ("localhost:8080", 2, "is no address of a server; write http://localhost:8080"),
        ("ftp://example.org", 2, "is no address of a server"),
        ("https://user:secret@example.org", 2, "--host holds a password"),
        ("http://127.0.0.1:9", 3, "cannot be reached"),
        ("http://nowhere.invalid", 3, "cannot be reached"),
        ("http://[::1", 2, "is no address of a server"),
    ],
)
def test_a_wrong_address_is_a_clear_error(here, host, code, words):
    ended = here("upload", host=host)
    assert ended.code == code
    assert words in ended.last_line
    assert "secret" not in ended.last_line


def test_a_proxy_of_the_environment_is_used_but_for_those_it_excepts(standin, monkeypatch, here):
    monkeypatch.setenv("HTTP_PROXY", standin.url)
    assert here("upload", host="http://kfp.invalid/pipeline").code == 2
    assert standin.seen[0][1] == "http://kfp.invalid/pipeline/apis/v2beta1/healthz"
    monkeypatch.setenv("NO_PROXY", "kfp.invalid")
    assert here("upload", host="http://kfp.invalid/pipeline").code == 3


def test_no_address_is_a_clear_error(standin):
    from tests.command import netanomaly

    ended = netanomaly("upload")
    assert ended.code == 2
    assert ended.last_line == "error: no server is named; give --host, or set KF_PIPELINES_ENDPOINT"


def test_a_server_without_the_api_is_told_as_that(standin, here):
    ended = here("upload", host=f"{standin.url}/elsewhere")
    assert ended.code == 2
    assert "has no /apis/v2beta1" in ended.last_line


def test_a_server_that_never_answers_is_given_up(standin, here):
    standin.faults = [Fault("GET", "/healthz", "late", seconds=3)]
    ended = here("upload", "--timeout", "1")
    assert ended.code == 3
    assert "gave no answer within 1 s" in ended.last_line


@pytest.mark.parametrize("tag", ["2.4.0", "2.16.1"])
def test_an_older_server_is_used_with_a_warning(standin, here, tag):
    standin.tag_name = tag
    ended = here("upload")
    assert ended.code == 0
    assert f"warning: the server is Kubeflow Pipelines {tag}" in ended.stderr


@pytest.mark.parametrize("tag", ["unknown", "2.17.0", "2.18.0-rc.1"])
def test_the_tested_and_newer_servers_are_used_without_one(standin, here, tag):
    standin.tag_name = tag
    assert here("upload", "--image-prefix", "registry.example.org/team").stderr == ""


def test_a_server_that_keeps_users_apart_wants_a_namespace(standin, configuration, here):
    standin.multi_user = True
    ended = here("submit", configuration, "--no-wait")
    assert ended.code == 2
    assert "name your profile with --namespace" in ended.last_line
    assert here("submit", configuration, "--no-wait", "--namespace", "team").code == 0
    assert standin.experiments[list(standin.experiments)[-1]]["namespace"] == "team"
    assert standin.requests("GET", "namespace=team") >= 2


@pytest.mark.parametrize("command", ["submit", "upload", "schedule"])
def test_a_namespace_that_is_none_is_told_before_anything_is_asked(standin, configuration, here, command):
    given = {"submit": [configuration], "upload": [], "schedule": [configuration, "--cron", "@daily"]}[command]
    ended = here(command, *given, "--namespace", "Two Words")
    assert ended.code == 2
    assert "--namespace is 'Two Words'; write 1 to 63 small letters" in ended.last_line
    assert standin.seen == []


def test_in_a_pod_its_own_token_and_namespace_are_taken(standin, configuration, here, monkeypatch, tmp_path):
    standin.multi_user, standin.token = True, "of-the-pod"
    for name, text in (("_POD_TOKEN", "of-the-pod"), ("_POD_NAMESPACE", "team\n")):
        (tmp_path / name).write_text(text)
        monkeypatch.setattr(access, name, tmp_path / name)
    document = here("submit", configuration, "--no-wait", "--json").json
    assert document["namespace"] == "team"


def test_links_go_to_the_pages_of_the_server(standin, monkeypatch, here):
    monkeypatch.setenv("KF_PIPELINES_UI_ENDPOINT", "https://kubeflow.example.org/pipeline/")
    assert here("upload", "--json").json["url"].startswith("https://kubeflow.example.org/pipeline/#/pipelines/details/")


@pytest.fixture(scope="session")
def own_certificate(tmp_path_factory):
    """A key and a certificate for 127.0.0.1 that no one but this test trusts."""
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    words += ["-days", "2", "-subj", "/CN=kfp", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out"]
    subprocess.run([*words, certificate], check=True, capture_output=True)
    return key, certificate


def test_a_private_authority_is_trusted_where_it_is_named(own_certificate, here):
    key, certificate = own_certificate

    class Health(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(503)
            self.end_headers()
            self.wfile.write(b'{"code": 14, "message": "reached"}')

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Health)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        host = f"https://127.0.0.1:{server.server_address[1]}"
        refused = here("upload", host=host)
        trusted = here("upload", "--ca-file", certificate, host=host)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert refused.code == 2
    assert "name the CA's certificate with --ca-file" in refused.last_line
    assert trusted.code == 3
    assert "reached" in trusted.last_line


def test_files_that_are_not_there_are_named(here, tmp_path):
    assert "token file" in here("upload", "--token-file", tmp_path / "none").last_line
    ended = here("upload", "--ca-file", tmp_path / "none")
    assert (ended.code, "--ca-file" in ended.last_line) == (2, True)


UI = pytest.mark.parametrize("through", ["ui"], indirect=True)


@UI
def test_the_version_is_known_through_the_uis_address_too(standin, here):
    """Its server answers for the API's health itself, under other names."""
    standin.tag_name = "2.5.0"
    ended = here("upload")
    assert ended.code == 0
    assert "the server is Kubeflow Pipelines 2.5.0, and this is tested with" in ended.stderr


@UI
def test_a_ui_without_its_api_server_is_asked_again_and_then_said_to_be(standin, here, monkeypatch):
    monkeypatch.setattr(access, "_SECONDS_BETWEEN_LOOKS", 0.01)
    standin.faults = [Fault("GET", "/healthz", "error", times=2)]
    assert here("upload").code == 0
    standin.faults = [Fault("GET", "/healthz", "error", times=3)]
    ended = here("upload")
    assert ended.code == 3
    assert "answers, and the API server behind it does not" in ended.last_line
