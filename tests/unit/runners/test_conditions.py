import pytest
from netanomaly.errors import InputError
from netanomaly.runners.conditions import parse

V = "inputs.parameter_values['v']"
W = "inputs.parameter_values['pipelinechannel--make-out']"


@pytest.mark.parametrize(
    ("text", "values", "holds"),
    [
        (f"{V} == 'pass'", {"v": "pass"}, True),
        (f"{V} == 'pass'", {"v": "refuse"}, False),
        (f"{V} != 'pass'", {"v": "refuse"}, True),
        (f"'pass' == {V}", {"v": "pass"}, True),
        (f'{V} == "it\'s"', {"v": "it's"}, True),
        (f"!({V} == 'a') && !({V} == 'b')", {"v": "c"}, True),
        (f"!({V} == 'a') && {V} == 'b'", {"v": "a"}, False),
        (f"{V} == 'a' || {V} == 'b' && {V} == 'c'", {"v": "a"}, True),
        (f"({V} == 'a' || {V} == 'b') && {V} == 'c'", {"v": "a"}, False),
        (f"{V} == {W}", {"v": "x", "pipelinechannel--make-out": "x"}, True),
        (f"{V} == ''", {"v": ""}, True),
        (f"{V} == '&& || ( !'", {"v": "&& || ( !"}, True),
        (f"{V} == 'yes'", {"v": "yes\n"}, False),
    ],
)
def test_text_is_compared_as_cel_does(text, values, holds):
    assert parse(text).holds(values) is holds


def test_a_condition_says_which_parameters_it_reads():
    assert parse(f"{V} == 'a' && {W} == {V}").parameters == {"v", "pipelinechannel--make-out"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"{V} == 3", "from '3' on"),
        (f"{V} > 'a'", "from \"> 'a'\" on"),
        (f"int({V}) == 'a'", "int("),
        (f"{V} == true", "from 'true' on"),
        (f"{V} == 'a' {V}", "from"),
        (f"({V} == 'a'", "at its end"),
        (f"{V}", "at its end"),
        (f"{V} == 'a\\n'", "from"),
        ("", "at its end"),
    ],
)
def test_more_of_cel_is_refused_where_it_begins(text, shown):
    with pytest.raises(InputError, match="is not understood") as raised:
        parse(text)
    assert shown in str(raised.value)
