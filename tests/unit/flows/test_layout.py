import pytest
from netanomaly.errors import ConfigError, DataError
from netanomaly.flows.labels import clean_label, is_normal
from netanomaly.flows.layout import Selection, choose


def test_features_are_all_but_label_and_ignored_in_the_source_order():
    found = choose(["z", "label", "id", "a"], Selection(ignore_columns=("id",)), "f")
    assert (found.features, found.label_source, found.ignored) == (("z", "a"), "label", ("id",))


def test_chosen_features_come_in_the_source_order():
    found = choose(["z", "b", "label", "a"], Selection(feature_columns=("a", "z")), "f")
    assert (found.features, found.ignored) == (("z", "a"), ("b",))


def test_two_columns_that_could_be_the_label_are_refused():
    with pytest.raises(DataError, match="2 columns that could be the label 'label': Label, LABEL"):
        choose(["a", "Label", "LABEL"], Selection(), "f")
    assert choose(["a", "Label", "LABEL"], Selection(ignore_columns=("LABEL",)), "f").label_source == "Label"


@pytest.mark.parametrize("written", ["label", "Label"])
def test_a_label_column_that_is_to_be_ignored_is_no_label_and_no_feature(written):
    found = choose(["a", written], Selection(ignore_columns=("label",)), "f")
    assert (found.features, found.label_source, found.ignored) == (("a",), None, (written,))


@pytest.mark.parametrize(
    ("wishes", "says"),
    [
        ({"feature_columns": ("a", "a")}, "lists 'a' twice"),
        ({"feature_columns": ("a",), "ignore_columns": ("a",)}, "in feature_columns and in ignore_columns"),
        ({"feature_columns": ("label",)}, "never a feature"),
    ],
)
def test_wishes_that_contradict_each_other_are_refused(wishes, says):
    with pytest.raises(ConfigError, match=says):
        Selection(**wishes)


@pytest.mark.parametrize("name", ["normal", "Normal.", " BENIGN ", "Background", "0", "0.0", "False", "normal.."])
def test_the_usual_names_of_normal_traffic_are_recognised(name):
    assert is_normal(name, [])
    assert is_normal(clean_label(name), [])


@pytest.mark.parametrize("name", ["1", "abnormal", "attack", "", "true", None, "normal traffic"])
def test_other_names_are_not(name):
    assert not is_normal(name, [])


def test_given_names_replace_the_recognised_ones_and_compare_exactly():
    assert is_normal("web.", ["web"])
    assert not is_normal("Web", ["web"])
    assert not is_normal("normal", ["web"])
