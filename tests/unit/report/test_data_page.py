import pytest
from netanomaly.report import data_page

from tests.unit import report_documents as run
from tests.unit.report.test_evaluation_page import HOSTILE, Page, leaves, put


def page(**changed):
    given = {"validation": run.validation(), "training_data": run.ingest_report(),
             "evaluation_data": run.ingest_report("test"), **changed}  # fmt: skip
    return Page(data_page(**given))


def test_findings_come_first_then_the_two_data_sets():
    text = page().text
    assert text.index("Data accepted, with 1 warning") < text.index("it moved") < text.index("The two data sets")
    assert "1,400 flows of train.csv.xz for training, 2 columns; 1,400 flows of test.csv.xz for evaluation" in text


def test_refused_data_says_so():
    found = [{"severity": "error", "rule": "schema", "message": "column x is missing from the evaluation data"}]
    text = page(validation={"verdict": "refuse", "findings": found}).text
    assert text.index("Data refused: 1 error") < text.index("column x is missing")


def test_each_column_shows_both_sets():
    columns = run.ingest_report("test")["columns"]
    moved = [{**columns[0], "max": 9.0, "missing": 700}, *columns[1:]]
    text = page(evaluation_data={**run.ingest_report("test"), "columns": moved}).text
    assert "bytes_out" in text
    assert "0 to 65,535, median 2,500 0 to 9, median 2,500 1.00% 50.0% 900 900 number" in text
    assert "tcp 64.3%, udp 28.6%, icmp 7.1%" in text


def test_a_column_with_a_finding_comes_before_the_others():
    found = {**run.validation(), "findings": [{"severity": "warning", "column": "protocol", "message": "odd"}]}
    text = page(validation=found).text
    columns = text[text.index("Columns") :]
    assert columns.index("protocol") < columns.index("bytes_out")


def test_a_column_that_only_one_set_has_is_shown():
    shorter = {**run.ingest_report("test"), "columns": run.ingest_report()["columns"][:1]}
    assert "protocol" in page(evaluation_data=shorter).text
    assert "protocol" in page(training_data=shorter).text


def test_labels_of_both_sets_stand_side_by_side():
    other = {**run.ingest_report("test"), "labels": {"normal": 30, "botnet": 10}}
    text = page(evaluation_data=other).text
    assert "normal 1,000 71.4% 30 75.0%" in text
    assert "botnet 0 0% 10 25.0%" in text


def test_duplicates_drops_and_overlap_are_counted():
    shared = {**run.validation(), "overlap": {"rows": 14, "share": 0.01, "exact": False}}
    text = page(validation=shared).text
    assert "Duplicates 28 (2.0%)" in text
    assert "Dropped 3 (ragged row)" in text
    assert "About 14 flows of the evaluation data (1.00%) equal a flow of the training data" in text


def test_times_of_a_part_are_said_to_be_those_of_its_whole_source():
    times = {"time": {"column": "ts", "first": 1_714_564_800, "last": 1_714_651_200}}
    whole, part = ({**run.ingest_report(), **times, "part": part} for part in ("all", "training"))
    assert "From 2024-05-01 12:00 UTC To 2024-05-02 12:00 UTC" in page(training_data=whole).text
    assert "Source begins 2024-05-01 12:00 UTC Source ends 2024-05-02 12:00 UTC" in page(training_data=part).text


def test_a_page_is_made_of_nothing_at_all():
    assert "The data was not checked" in Page(data_page({}, {}, {})).text


@pytest.mark.parametrize("value", [None, float("nan"), "text", -1, [None], 10**400], ids=repr)
def test_any_field_may_be_absent_or_odd(value):
    given = {
        "validation": run.validation(),
        "training_data": run.ingest_report(),
        "evaluation_data": run.ingest_report(),
    }
    for name, document in given.items():
        for path in leaves(document):
            assert "<h1>" in data_page(**{**given, name: put(document, path, value)}), path


def test_hostile_names_are_inert():
    columns = [{**column, "name": HOSTILE, "categories": {HOSTILE: 3}} for column in run.ingest_report()["columns"]]
    report = {**run.ingest_report(), "columns": columns, "labels": {HOSTILE: 5}, "source": [HOSTILE]}
    found = page(
        training_data=report,
        validation={"findings": [{"severity": "warning", "message": HOSTILE, "column": HOSTILE}], "checked": [HOSTILE]},
    )
    assert set(found.elements) <= set(page().elements)
    assert not [name for _, name, _ in found.attributes if name.startswith("on")]


def test_thousands_of_columns_give_a_page_under_a_megabyte_with_findings_kept():
    def wide(name):
        report = run.ingest_report(name)
        return {**report, "columns": [{**report["columns"][n % 2], "name": f"c{n}" + "y" * 200} for n in range(5000)],
                "labels": {f"class {n}" + "z" * 300: n for n in range(5000)}}  # fmt: skip

    last = "c4999" + "y" * 200
    found = {"findings": [{"severity": "warning", "column": last, "message": "odd"}], "verdict": "pass"}
    html = data_page(found, wide("train"), wide("test"))
    assert len(html.encode()) < 1_000_000
    assert ">c4999" in html
    assert "4,700 further columns" in html


def test_the_roles_of_columns_come_first_those_that_are_left_out_before_features():
    columns = [
        {
            "name": "bytes",
            "role": "number",
            "kind": "number",
            "why": "numbers, 7 values",
            "against": None,
            "separates": 0.5,
        },
        {
            "name": "x",
            "role": "number",
            "kind": "number",
            "why": "listed",
            "against": "identifier: <b>",
            "separates": None,
        },
        {"name": "id", "role": "identifier", "kind": "number", "why": "each row has its own", "against": None},
        {"name": "answer", "role": "gives the answer away", "kind": "category", "why": "alone", "separates": 1.0},
    ]
    page = data_page(
        validation={"verdict": "pass", "columns": columns, "findings": []}, training_data={}, evaluation_data={}
    )
    assert "3 of 4" not in page
    assert "2 of 4 columns are learnt from" in page
    places = [page.index(f'<th scope="row">{name}</th>') for name in ("answer", "x", "id", "bytes")]
    assert places == sorted(places)
    assert "identifier: &lt;b&gt;" in page
    assert "1.000" in page


def test_a_number_of_values_that_is_estimated_says_so():
    column = {"name": "bytes", "kind": "number", "rows": 9, "missing": 0, "distinct": 4321, "distinct_exact": False}
    page = data_page(validation={}, training_data={"columns": [column]}, evaluation_data={})
    assert "about 4,321" in page
