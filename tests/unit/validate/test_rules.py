import pytest
from netanomaly.errors import ConfigError
from netanomaly.flows import rules


def test_without_changes_the_defaults_hold():
    assert rules.check({}).rules == rules.RULES


def test_a_rule_may_be_given_another_severity_limit_or_both():
    changed = rules.check(
        {"shift": "off", "leakage": {"limit": 0.5}, "duplicate_rows": {"severity": "error", "limit": 0}}
    ).rules
    assert changed["shift"].severity == "off"
    assert (changed["leakage"].severity, changed["leakage"].limit) == (rules.RULES["leakage"].severity, 0.5)
    assert (changed["duplicate_rows"].severity, changed["duplicate_rows"].limit) == ("error", 0)
    assert changed["missing_values"] == rules.RULES["missing_values"]


def test_ranges_may_leave_a_side_open():
    assert rules.check({"ranges": {"a": [0, 1], "b": [None, 5]}}).ranges == {"a": (0, 1), "b": (None, 5)}


@pytest.mark.parametrize(
    ("validation", "says"),
    [
        ({"leekage": "off"}, "no rule 'leekage'.*'leakage'"),
        ({"shift": "fatal"}, "severity is 'fatal'; choose one of error, warning, note, off"),
        ({"shift": True}, "validation.shift is True"),
        ({"shift": {"limits": 1}}, "no field 'limits'"),
        ({"shift": {"limit": "much"}}, "limit is 'much'"),
        ({"shift": {"limit": -1}}, "limit is -1"),
        ({"shift": {"limit": True}}, "limit is True"),
        ({"one_class_only": {"limit": 1}}, "has no limit"),
        ({"ranges": [0, 1]}, "ranges is no object"),
        ({"ranges": {"a": [0]}}, r"ranges.a is \[0\]"),
        ({"ranges": {"a": [1, 0]}}, "the lowest comes first"),
        ({"ranges": {"a": [0, True]}}, "write"),
    ],
)
def test_what_cannot_be_meant_is_refused(validation, says):
    with pytest.raises(ConfigError, match=says):
        rules.check(validation)
