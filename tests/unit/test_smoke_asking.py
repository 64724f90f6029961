"""What a server's answers to smoke rows come to: proven, not yet, or other scores."""

import json

import pytest
from netanomaly.errors import InputError
from netanomaly.registry.smoke import Column, SmokeRows
from netanomaly.stages.deploy.smoke import NotYet, OtherScores, Smoke

ROWS = SmokeRows(1, 2, [Column("bytes", "number", [1.0, None])], [0.5, 0.25])


def answer(scores, version="7") -> bytes:
    return json.dumps({"model_version": version, "outputs": [{"name": "score", "data": scores}]}).encode()


def asked(status, body):
    """The smoke rows asked of a server that answers all the same."""
    Smoke(ROWS, "office", 7).passes(lambda path, document: (status, body))


def test_all_rows_are_asked_at_once_and_then_one_by_one():
    requests = []

    def ask(path, document):
        requests.append((path, [each["data"] for each in document["inputs"]], document["outputs"]))
        scores = {1.0: 0.5, None: 0.25}
        return 200, answer([scores[value] for value in document["inputs"][0]["data"]])

    Smoke(ROWS, "office", 7).passes(ask)
    path, only = "/v2/models/office/versions/7/infer", [{"name": "score"}]
    assert requests == [(path, [[1.0, None]], only), (path, [[1.0]], only), (path, [[None]], only)]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        *((status, b"") for status in (404, 429, 500, 502, 503, 504)),
        # Of what stands before a server that starts: no answer of ours.
        (400, b"Bad Request"),
        (200, b"<html>"),
        (200, answer([0.5, 0.25], version="6")),
    ],
)
def test_what_may_pass_is_waited_for(status, body):
    with pytest.raises(NotYet):
        asked(status, body)


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (400, b'{"error": "column bytes is absent"}', "refuses its own smoke rows with 400 .column bytes is absent"),
        (413, b"", "refuses its own smoke rows with 413"),
        (200, answer([0.5]), "no score for each"),
        (200, b'{"outputs": []}', "no score for each"),
        (200, b'{"outputs": {"score": [0.5]}}', "no score for each"),
        (200, answer([0.5, None]), "1 of its 2 smoke rows get other scores.*row 2 gets None, not 0.25"),
        (200, answer([0.25, 0.5]), "2 of its 2 smoke rows"),
    ],
)
def test_a_version_that_answers_wrongly_is_never_proven(status, body, says):
    with pytest.raises(OtherScores, match=says):
        asked(status, body)


@pytest.mark.parametrize("status", [401, 403])
def test_a_server_with_a_token_asks_for_it(status):
    with pytest.raises(InputError, match="NETANOMALY_SERVE_TOKEN"):
        asked(status, b"")
