import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netanomaly.report import charts, spread, svg, tuning_charts
from netanomaly.report.documents import Estimate

CURVE = [(0.0, 0.0), (0.001, 0.3), (0.01, 0.61), (1.0, 1.0)]
AREA = Estimate(0.95, 0.9, 0.97)


def shapes(svg, class_):
    return [shape for shape in ET.fromstring(str(svg)).iter() if shape.get("class") == class_]  # noqa: S314 - our own


def path_points(shape):
    return [tuple(map(float, pair.split())) for pair in re.findall(r"[-\d.]+ [-\d.]+", shape.get("d"))]


@pytest.mark.parametrize(
    "picture",
    [
        charts.roc(CURVE, (0.01, 0.61), [(0.01, Estimate(0.61, 0.56, 0.66))]),
        charts.roc_linear(CURVE, None, AREA),
        charts.precision_recall(CURVE, (0.6, 0.9), 0.3),
        charts.scores([0, 1, 2], [5, 1], [1, 5], 1.5),
        charts.crowd(0.61, 100, 25, "filled-attack", "caught"),
    ],
)
def test_a_picture_is_well_formed_and_says_what_it_shows(picture):
    root = ET.fromstring(str(picture))  # noqa: S314 - our own output
    assert root.get("role") == "img"
    assert [root[0].tag, root[1].tag] == ["title", "desc"]
    assert all(shape.text for shape in root[:2])


def test_the_logarithmic_axis_gives_each_decade_the_same_width():
    picture = charts.roc([(0.0001, 0.1), (0.001, 0.2), (0.01, 0.3), (0.1, 0.4), (1, 1)], None, [])
    xs = [x for x, _ in path_points(shapes(picture, "line main")[0])]
    steps = {round(b - a, 0) for a, b in pairwise(xs) if b > a}
    assert len(steps) == 1


@given(st.lists(st.tuples(st.floats(-2, 3), st.floats(-2, 3)), min_size=1))
def test_figures_beyond_their_axis_stay_within_the_plot(curve):
    for picture in (charts.roc(curve, None, []), charts.roc_linear(curve, curve[0], None)):
        points = path_points(shapes(picture, "line main")[0])
        assert all(46 <= x <= 298 and 30 <= y <= 228 for x, y in points)


def test_text_and_attributes_of_an_element_are_escaped():
    assert svg.element("text", "<b>", class_='"x') == '<text class="&#34;x">&lt;b&gt;</text>'


def test_what_is_left_of_the_logarithmic_axis_enters_it_at_the_recall_reached_there():
    picture = charts.roc([(0.0, 0.0), (0.0, 0.25), (0.01, 0.5), (1, 1)], None, [])
    left = path_points(shapes(picture, "line main")[0])[0]
    assert left[1] == pytest.approx(228 + (30 - 228) * 0.25, abs=0.1)


def test_the_threshold_stands_on_the_curve():
    picture = charts.roc_linear([(0.25, 0.75)], (0.25, 0.75), AREA)
    corners = path_points(shapes(picture, "diamond")[0])
    centre = (sum(x for x, _ in corners) / 4, sum(y for _, y in corners) / 4)
    assert centre in [pytest.approx(point, abs=0.1) for point in path_points(shapes(picture, "line main")[0])]


def test_normal_scores_stand_above_the_base_line_and_attacks_below():
    picture = charts.scores([0, 1, 2], [5, 1], [1, 5], 1.5)
    base = float(shapes(picture, "base")[0].get("y1"))
    assert all(y <= base for _, y in path_points(shapes(picture, "area normal")[0]))
    assert all(y >= base for _, y in path_points(shapes(picture, "area attack")[0]))


def test_scores_without_labels_are_drawn_once():
    picture = charts.scores([0, 1, 2], [5, 1], [], 1.5)
    assert shapes(picture, "area all")
    assert not shapes(picture, "area attack")


@pytest.mark.parametrize(("edges", "normal", "attack"), [([], [], []), ([0, 1], [1, 2], []), ([0, 1], [1], [1, 2])])
def test_counts_that_do_not_fit_their_edges_are_not_drawn(edges, normal, attack):
    assert charts.scores(edges, normal, attack, 0.5) == ""


@given(st.floats(0, 1))
def test_as_many_squares_are_filled_as_the_rate_says(rate):
    picture = charts.crowd(rate, 100, 25, "filled", "caught")
    filled, hollow = (shapes(picture, name)[0].get("d").count("M") for name in ("filled", "hollow"))
    assert (filled, hollow) == (round(rate * 100), 100 - round(rate * 100))


def test_a_rate_bar_stays_within_its_cell():
    bar = charts.rate_bar(Estimate(0.5, -0.2, 1.3))
    assert {x for shape in shapes(bar, "bar-interval") for x, _ in path_points(shape)} == {0.0, 100.0}
    assert shapes(bar, "bar-attack")[0].get("width") == "50"


def test_quantiles_of_both_sets_share_one_scale():
    picture = spread.quantile_lines([0.0, 10.0], [0.0, 1000.0])
    (first,), (second,) = (path_points(shapes(picture, name)[0])[-1:] for name in ("first", "second"))
    assert second[1] < first[1], "the larger maximum stands higher"


@given(st.lists(st.floats(-1e300, 1e300), max_size=120), st.lists(st.floats(-1e300, 1e300), max_size=120))
def test_quantiles_of_any_size_are_drawn_within_the_picture(training, evaluation):
    picture = spread.quantile_lines(sorted(training), sorted(evaluation))
    if training or evaluation:
        for name in ("first", "second"):
            for shape in shapes(picture, name):
                assert all(0 <= x <= 120 and 0 <= y <= 34 for x, y in path_points(shape))
                assert len(path_points(shape)) <= 25


@pytest.mark.parametrize(("caught", "axis"), [(1.0, ("90%", "100%")), (0.0, ("0%", "10%")), (0.63, ("60%", "70%"))])
def test_the_axis_of_the_learning_curve_shows_shares_alone(caught, axis):
    """Nothing catches 110% of attacks, nor less than none."""
    picture = ET.fromstring(str(tuning_charts.learning_curve([(1, caught, "complete")], caught, [1])))  # noqa: S314 - our own
    shown = [shape.text or "" for shape in picture.iter() if (shape.text or "").endswith("%")]
    read = [float(each[:-1]) for each in shown]
    assert (min(read), max(read)) == (float(axis[0][:-1]), float(axis[1][:-1]))
