"""A verdict speaks for alerts like its own, and for nothing that it does not name."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netanomaly.errors import InputError
from netanomaly.feedback import scopes

from tests.unit.alerts.test_forms import INCIDENT


def changed(incident, **parts):
    return {**copy.deepcopy(incident), **parts}


def scope_of(incident):
    scope = scopes.of_incident(incident)
    assert scope is not None
    return scope


def feature(name, share):
    return {"name": name, "value": 1.0, "share": share}


def test_an_alert_is_within_its_own_scope(incident):
    assert scopes.covers(scope_of(incident), incident)


@pytest.mark.parametrize(
    "parts",
    [
        {"entity": {"type": "source", "ip": "10.0.0.6"}},
        {"entity": {"type": "target", "ip": "10.0.0.5"}},
        {"technique": None},
        {"technique": {"id": "T1110", "name": "Brute Force", "reason": ""}},
        {"severity": "critical"},
        {"features": [feature("bytes_out", 0.9), feature("src_destinations_120s", 0.1)]},
        {"targets": {"count": 3, "examples": ["10.0.0.9", "10.0.0.8", "10.0.0.7"]}},
        {"targets": {"count": 212, "examples": ["10.0.0.9"]}},
        {"ports": {"count": 2, "examples": ["445", "3389"]}},
    ],
    ids=["host", "kind", "no technique", "technique", "graver", "reason", "target", "unlisted targets", "port"],
)
def test_what_differs_in_one_part_is_not_spoken_for(incident, parts):
    assert not scopes.covers(scope_of(incident), changed(incident, **parts))


def test_less_of_the_same_is_spoken_for(incident):
    scope = scope_of(incident)
    less = changed(incident, severity="low", targets={"count": 1, "examples": ["10.0.0.8"]}, id="another", flows=3)
    assert scopes.covers(scope, less)


def test_an_alert_that_does_not_list_all_targets_speaks_for_any():
    scope = scope_of(INCIDENT)
    assert scope.targets is None
    assert scope.ports == ["445"]
    assert scopes.covers(scope, INCIDENT)


@pytest.mark.parametrize(
    "parts",
    [
        {"entity": {"type": "row", "ip": None}},
        {"entity": {"type": "source", "ip": None}},
        {"features": [], "technique": None},
    ],
)
def test_without_a_host_or_a_reason_there_is_no_scope(incident, parts):
    assert scopes.of_incident(changed(incident, **parts)) is None


def test_the_reason_is_what_makes_half_of_the_oddness(incident):
    incident["features"] = [feature("a", 0.3), feature("b", 0.25), feature("c", 0.2)]
    assert scopes.reason(incident) == ["a", "b"]


def test_a_scope_is_widened_part_by_part(incident):
    scope = scopes.changed(
        scope_of(incident), ["entity=10.0.0.0/24", "targets=any", "ports=445, 139", "severity=critical"]
    )
    far = changed(
        incident,
        entity={"type": "source", "ip": "10.0.0.77"},
        severity="critical",
        targets={"count": 900, "examples": []},
    )
    assert scopes.covers(scope, far)
    assert not scopes.covers(scope, changed(far, entity={"type": "source", "ip": "10.0.1.77"}))


@pytest.mark.parametrize(
    ("assignment", "says"),
    [
        ("entity=any", "one host or network"),
        ("features=any", "one host or network and for one reason"),
        ("entity=0.0.0.0/0", "would speak for 4,294,967,296 hosts"),
        ("entity=10.0.0.0/99", "is no network"),
        ("entity=10.0.0.1,10.0.0.2", "give a verdict for each"),
        ("severity=deadly", "choose one of critical, high, medium, low"),
        ("hosts=any", "has no part 'hosts'; it has entity"),
        ("ports", "is not part=value"),
        ("ports=", "is not part=value"),
    ],
)
def test_a_scope_for_everything_is_refused(incident, assignment, says):
    with pytest.raises(InputError, match=says):
        scopes.changed(scope_of(incident), [assignment])


NAMES = st.sampled_from(["a", "b", "c", "d"])
FEATURES = st.dictionaries(NAMES, st.floats(0.01, 1), max_size=4)


@given(FEATURES, FEATURES)
def test_never_is_an_incident_covered_whose_reason_the_scope_does_not_name(named, others):
    base = changed(INCIDENT, technique=None, features=[feature(*pair) for pair in named.items()])
    scope = scopes.of_incident(base)
    other = changed(base, features=[feature(*pair) for pair in others.items()])
    if scope is None:
        assert not named
        return
    covered = scopes.covers(scope, other)
    assert covered == (bool(others) and set(scopes.reason(other)) <= set(named))
