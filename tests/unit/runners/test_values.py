import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netanomaly.errors import InputError
from netanomaly.runners.spec import InputParameter, ParameterType
from netanomaly.runners.values import as_text, parse_output, pipeline_arguments, task_argument, typed

DECLARED = {
    "rows": InputParameter(ParameterType.NUMBER_INTEGER, has_default=True, default=3.0),
    "share": InputParameter(ParameterType.NUMBER_DOUBLE, optional=True),
    "name": InputParameter(ParameterType.STRING),
    "mode": InputParameter(ParameterType.STRING, has_default=True, default="a", literals=("a", "b")),
}


def test_defaults_fill_what_is_not_given_and_an_optional_one_stays_out():
    assert pipeline_arguments(DECLARED, {"name": "x"}) == {"rows": 3, "name": "x", "mode": "a"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "pipeline parameter 'name' is missing; give text for it"),
        ({"name": None}, "pipeline parameter 'name' is missing"),
        ({"name": "x", "row": 1}, "no parameter 'row'; did you mean 'rows'? it has mode, name, rows, share"),
        ({"name": 1}, "pipeline parameter 'name' is 1; text is needed"),
        ({"name": "x", "rows": 1.5}, "'rows' is 1.5; a whole number is needed"),
        ({"name": "x", "rows": True}, "'rows' is True; a whole number is needed"),
        ({"name": "x", "rows": "1"}, "'rows' is '1'; a whole number is needed"),
        ({"name": "x", "share": math.nan}, "finite numbers only"),
        ({"name": "x", "rows": 2**53 + 1}, "would round"),
        ({"name": "x", "rows": 10**400}, "would round"),
        ({"name": "x", "mode": "c"}, "'mode' is 'c'; choose one of 'a', 'b'"),
    ],
)
def test_a_wrong_argument_is_named_with_what_to_do(arguments, message):
    with pytest.raises(InputError) as raised:
        pipeline_arguments(DECLARED, arguments)
    assert message in str(raised.value)


def test_whole_numbers_lose_their_point_wherever_they_stand():
    value = typed({"a": [1.0, 2.5, {"b": 3.0}]}, ParameterType.STRUCT, "x")
    assert json.dumps(value) == '{"a": [1, 2.5, {"b": 3}]}'


def test_what_is_no_json_is_refused():
    with pytest.raises(InputError, match="holds a set"):
        typed({"a": {1}}, ParameterType.STRUCT, "x")
    with pytest.raises(InputError, match="key 1; keys are text"):
        typed({1: "a"}, ParameterType.STRUCT, "x")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a b", "a b"),
        (7, "7"),
        (0.25, "0.25"),
        (1e-7, "0.0000001"),
        (1e22, "1" + "0" * 22),
        (True, "true"),
        ([1, "é"], '[1, "é"]'),
    ],
)
def test_a_value_inside_text_is_written_as_the_launcher_writes_it(value, text):
    assert as_text(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_as_text_has_no_exponent_and_loses_nothing(value):
    assert "e" not in as_text(value)
    assert float(as_text(value)) == value


def test_a_text_parameter_takes_any_value_as_text_and_no_other_converts():
    text = InputParameter(ParameterType.STRING)
    assert task_argument([1.0], text, "x") == "[1]"
    with pytest.raises(InputError, match="x is '7'; a whole number is needed"):
        task_argument("7", InputParameter(ParameterType.NUMBER_INTEGER), "x")


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("yes\n", ParameterType.STRING, "yes\n"),
        ("7\n", ParameterType.NUMBER_INTEGER, 7),
        ("2.5", ParameterType.NUMBER_DOUBLE, 2.5),
        ("True", ParameterType.BOOLEAN, True),
        ('[1.0, "A"]', ParameterType.LIST, [1, "A"]),
    ],
)
def test_an_output_parameter_is_read_by_its_type(text, kind, value):
    assert parse_output(text, kind, "x") == value


@pytest.mark.parametrize("text", ["", "x", "1.5", "NaN", "[1]", "null"])
def test_an_output_parameter_of_another_type_is_refused(text):
    with pytest.raises(InputError, match="output 'n'"):
        parse_output(text, ParameterType.NUMBER_INTEGER, "output 'n'")
