"""`netanomaly feedback`: what a person types, and reads."""

import json
import re

import pytest
from netanomaly.alerts.forms import FORMS

from tests.command import netanomaly_here

AT = "2026-06-13T00:00:00.000Z"


@pytest.fixture
def say(tmp_path, incident):
    """Runs the command over a folder with one alert and a book of its own."""
    write(tmp_path / "scored/alerts.ndjson", [incident])

    def run(*arguments):
        return netanomaly_here("feedback", *arguments, "--feedback", tmp_path / "book", cwd=tmp_path)

    return run


def write(path, incidents, form="netanomaly"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(FORMS[form](each, AT)) + "\n" for each in incidents))


BENIGN = ("--verdict", "benign", "--why", "the inventory", "--expires", "30d", "--by", "jo")


def test_a_verdict_is_given_listed_and_taken_back(say, incident):
    added = say("add", incident["id"][:8], *BENIGN)
    assert added.code == 0, added.stderr
    assert "suppresses  source 10.0.0.5; T1046; by src_destinations_120s, service; towards" in added.stdout
    listed = say("list", "--json").json["verdicts"]
    assert [(each["said"], each["by"], each["why"], each["state"]) for each in listed] == [
        ("benign", "jo", "the inventory", "holds")
    ]
    withdrawn = say("withdraw", listed[0]["verdict"][:6], "--why", "it was not")
    assert withdrawn.code == 0, withdrawn.stderr
    assert say("list", "--json").json["verdicts"] == []
    (after,) = say("list", "--all", "--json").json["verdicts"]
    assert (after["state"], after["withdrawn"]["why"]) == ("withdrawn", "it was not")
    assert "withdrawn" in say("list", "--all").stdout


@pytest.mark.parametrize("form", FORMS)
def test_alerts_are_found_in_every_form(say, tmp_path, incident, form):
    write(tmp_path / "scored/alerts.ndjson", [incident], form)
    added = say("add", incident["id"], *BENIGN, "--alerts", "scored", "--json")
    assert added.code == 0, added.stderr
    assert added.json["title"] == incident["title"]
    assert added.json["scope"]["features"] == ["src_destinations_120s", "service"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("23eb", "--verdict", "benign", "--why", "x"), "until it expires: say how long, e.g. --expires 30d"),
        (("23eb", "--verdict", "fine", "--why", "x"), "--verdict 'fine': say one of benign, attack, unsure"),
        (("23eb", "--verdict", "attack", "--why", "  "), "--why is blank"),
        (("23eb", *BENIGN[:-2], "--expires", "1d", "--scope", "entity=any"), "one host or network"),
        (("23eb", *BENIGN, "--scope", "ports=80"), "the alert itself is not within"),
        (("23eb", *BENIGN, "--expires", "soon"), "--expires 'soon' is no time"),
        (("23eb", *BENIGN, "--expires", "99999d"), "over a year off"),
        (("23eb", *BENIGN, "--expires", "2020-01-01"), "is over already"),
        (("ffff", *BENIGN), "no alert in . has an id that begins with 'ffff'"),
        (("23", *BENIGN), "is too short for an alert's id"),
        (("23eb", *BENIGN, "--alerts", "nowhere"), "nowhere does not exist; --alerts names the folder"),
        (("23eb", "--verdict", "unsure", "--why", "x", "--scope", "ports=any"), "nothing follows from this verdict"),
    ],
)
def test_what_is_not_right_is_one_line(say, arguments, says):
    ended = say("add", *arguments)
    assert ended.code == 2
    assert says in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1
    assert say("list", "--json").json["verdicts"] == []


@pytest.mark.parametrize(
    ("line", "says"),
    [("{", "is not JSON"), ('{"a": 1}', "is no alert of netanomaly"), ("[" * 200 + "]" * 200, "nested more than")],
)
def test_a_file_of_something_else_is_named_with_its_line(say, tmp_path, line, says):
    with (tmp_path / "scored/alerts.ndjson").open("a") as file:
        file.write(line + "\n")
    ended = say("add", "23eb", *BENIGN)
    assert ended.code == 2
    assert re.search(rf"scored/alerts.ndjson, line 2.*{says}", ended.stderr)


def test_an_alert_without_a_host_is_judged_and_suppresses_nothing(say, tmp_path, incident):
    write(tmp_path / "scored/alerts.ndjson", [{**incident, "entity": {"type": "row", "ip": None}}])
    added = say("add", "23eb", "--verdict", "benign", "--why", "x")
    assert added.code == 0, added.stderr
    assert "nothing for other alerts" in added.stdout


def test_the_queue_proposes_and_says_what_precision_is(say, tmp_path, incident):
    several = [{**incident, "id": f"{number:032x}", "risk_score": number} for number in range(30)]
    several[29]["suppressed_by"] = {"verdict": "x"}
    write(tmp_path / "scored/alerts.ndjson", several)
    made = say("queue", "--size", "6", "--json").json
    drawn = [each["alert"] for each in made["proposed"] if each["drawn"]]
    assert (made["incidents"], len(made["proposed"]), len(drawn), made["precision"]) == (29, 6, 3, None)
    assert several[29]["id"] not in drawn
    for alert in drawn:
        assert say("add", alert, "--verdict", "attack", "--why", "x").code == 0
    again = say("queue", "--size", "6", "--json").json
    assert [each["judged"] for each in again["proposed"] if each["drawn"]] == ["attack"] * 3
    assert (again["precision"]["judged"], again["precision"]["precision"]) == (3, 1.0)
    assert (
        "precision so far: 3 of 3 alerts drawn at random were attacks: 100% (44% to 100%)"
        in say("queue", "--size", "6").stdout
    )


def test_the_queue_of_several_models_wants_one(say, tmp_path, incident):
    lab = {**incident, "id": "0" * 32, "model": {**incident["model"], "name": "lab"}}
    write(tmp_path / "scored/alerts.ndjson", [incident, lab])
    assert "has alerts of lab, office; choose one by --model" in say("queue").stderr
    assert say("queue", "--model", "lab", "--json").json["incidents"] == 1
