import copy
import re
import subprocess
import sys
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest
from netanomaly.report import evaluation_page
from netanomaly.report.verdict import read
from netanomaly.stages.evaluate.verdict import assess

from tests.unit import report_documents as run

HOSTILE = """"><script>alert('x')</script><img src=x onerror="alert(1)">'{{ 7*7 }}</style>&amp;"""


class Page(HTMLParser):
    """Elements, attributes and text of a page, the text without the style sheet's."""

    def __init__(self, html):
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self._text: list[str] = []
        self.feed(html)
        self.text = " ".join(" ".join(self._text).split())

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data):
        if self.elements[-1:] != ["style"] or self.get_starttag_text() != "<style>":
            self._text.append(data)


def page(**changed):
    given = {**run.documents(), **changed}
    known = {name: given[name] for name in ("validation", "training_data", "evaluation_data")}
    return Page(evaluation_page(**{**given, "evaluation": run.assessed(given["evaluation"], **known)}))


def evaluation(**changed):
    return {**run.evaluation(), **changed}


def at_threshold(**changed):
    return {**run.evaluation()["at_threshold"], **changed}


def verdict(evaluation_document, **known):
    return read(run.assessed(evaluation_document, **known))


def answers(evaluation_document, **known):
    checks = run.assessed(evaluation_document, **known)["assessment"]["checks"]
    return {check["title"]: SimpleNamespace(**check) for check in checks}


def test_the_first_lines_say_what_was_trained_on_what_and_judged_on_what():
    text = page().text
    assert "edge_detector version 1.2.0" in text
    assert "Isolation forest trained on 1,000 normal flows of train.csv.xz" in text
    assert "Judged on 1,400 flows of test.csv.xz: 1,000 normal, 400 attacks." in text


def test_headline_figures_stand_with_their_intervals():
    text = page().text
    assert "ROC-AUC 0.955 between 0.941 and 0.968" in text
    assert "Recall at 1% false positives 61.0% between 56.0% and 66.0%" in text
    assert "Precision at the threshold 96.1% between 92.9% and 97.8%" in text
    assert "False-alarm rate 1.00% between 0.54% and 1.83%" in text


def test_it_is_said_how_the_intervals_were_made():
    assert "95% confidence intervals. Stratified bootstrap of 1000 resamples; precision: Wilson." in page().text


def test_without_attacks_there_is_no_precision_to_speak_of():
    only_normal = evaluation(attacks=0, roc_auc=None, recall_at=[], at_threshold=at_threshold(precision=0.0))
    text = page(evaluation=only_normal).text
    assert "Precision at the threshold" not in text
    assert "False-alarm rate" in text


def test_of_many_reasons_the_front_line_names_one():
    refused = evaluation(verdict="refuse", reasons=["the first", "the second", "the third"])
    assert verdict(refused).briefs[0] == "quality gate failed: the first and 2 more"
    assert "the second; the third" in page(evaluation=refused).text


def test_rates_are_said_in_plain_words():
    text = page().text
    assert "61 of 100 attacks are caught" in text
    assert "10 of 1,000 normal flows raise a false alarm" in text


def test_precision_is_restated_for_rarer_attacks():
    """One attack in 1,000 flows, recall 61%, false alarms 1%: 0.00061 of 0.0106 alerts are real, 6 of 100."""
    text = page().text
    assert "1 in 1,000 6 of 100 10,600" in text


def test_a_class_that_is_missed_is_named_in_the_verdict():
    text = page().text
    assert "Usable, with 1 reservation it misses most of worm" in text
    assert "worm 10.0% 5.5% to 17.4% 10 of 100" in text


def test_a_broken_promise_is_called_one():
    broken = evaluation(at_threshold=at_threshold(false_positive_rate={"value": 0.03, "low": 0.021, "high": 0.042}))
    found = verdict(broken)
    assert "it raises 3.0 times the false alarms promised" in found.briefs
    assert answers(broken)["Keeps its promise on false alarms?"].status == "warning"


@pytest.mark.parametrize(
    "rate",
    [{"value": 0.012, "low": 0.009, "high": 0.016}, {"value": 0.0125, "low": 0.011, "high": 0.014}],
    ids=["explained by chance", "off by less than 30%"],
)
def test_a_promise_is_not_broken_by_little_or_by_chance(rate):
    kept = evaluation(at_threshold=at_threshold(false_positive_rate=rate))
    assert answers(kept)["Keeps its promise on false alarms?"].status == "good"


@pytest.mark.parametrize(("value", "low", "high"), [(0.0, 0.0, 0.0222), (0.03, 0.009, 0.07)])
def test_few_normal_rows_neither_keep_nor_break_a_promise(value, low, high):
    """Of 164 normal rows none alerts: anything up to 2.2% is possible where 1% was promised."""
    few = evaluation(
        normal=164, at_threshold=at_threshold(false_positive_rate={"value": value, "low": low, "high": high})
    )
    check = answers(few)["Keeps its promise on false alarms?"]
    assert (check.status, check.told) == ("note", False)
    assert check.sentence.startswith("That cannot be told.")
    assert "164 normal flows cannot show that 1% false alarms are kept to" in verdict(few).briefs
    clean = {**few, "classes": run.evaluation()["classes"][:1]}
    assert verdict(clean, validation={"verdict": "pass"}).headline != "Passed every check"


def test_a_threshold_stricter_than_promised_is_noted_without_alarm():
    strict = evaluation(at_threshold=at_threshold(false_positive_rate={"value": 0.002, "low": 0.001, "high": 0.004}))
    assert answers(strict)["Keeps its promise on false alarms?"].status == "note"


def test_the_threshold_table_marks_the_budget_that_was_overrun():
    text = page().text
    assert "5% expect 4.0% to 6.0% 2,600 a day 14.0% 2.8 times the promise" in text
    assert "1% in use expect 0.80% to 1.20% 520 a day 1.00% 61.0%" in text


def test_a_refusal_comes_first_with_its_reason():
    refused = evaluation(
        verdict="refuse",
        reasons=["min_roc_auc: 0.955 is under 0.99"],
        gates=[{"gate": "min_roc_auc", "limit": 0.99, "value": 0.955, "passed": False}],
    )
    text = page(evaluation=refused).text
    assert "Refused: do not use this model quality gate failed: min_roc_auc: 0.955 is under 0.99" in text
    assert "ROC-AUC at least 0.99 0.955 failed" in text


def test_a_model_judged_on_its_training_rows_is_not_trusted():
    same = run.ingest_report("train")
    found = verdict(run.evaluation(), training_data=same, evaluation_data=same)
    assert found.headline == "Do not trust these figures"


def test_what_few_calibration_rows_explain_is_no_broken_promise():
    """9 false alarms of 251 where 0 to 9 were to be expected: the interval of the 9 alone would say 3.6 times too many."""
    at = at_threshold(false_positive_rate={"value": 9 / 251, "low": 0.0165, "high": 0.067})
    expected = {"evaluated": {"rows": 251, "expected": 2.51, "low": 0, "high": 9}}
    title = "Keeps its promise on false alarms?"
    assert answers(evaluation(at_threshold=at, false_alarms=expected))[title].status == "note"
    expected["evaluated"]["high"] = 8
    assert answers(evaluation(at_threshold=at, false_alarms=expected))[title].status == "warning"


def test_parts_of_one_source_that_were_held_apart_are_trusted():
    same = run.ingest_report("train")
    parts = {"training_data": {**same, "part": "training"}, "evaluation_data": {**same, "part": "evaluation"}}
    assert verdict(run.evaluation(), **parts).headline != "Do not trust these figures"
    held_out = evaluation(held_out=True)
    found = answers(held_out, **parts)
    assert found["Judged on flows it was not trained on?"].status == "good"
    assert "held out of test.csv.xz" in page(evaluation=held_out).text


@pytest.mark.parametrize(("share", "status"), [(0.0, "good"), (0.005, "good"), (0.02, "note"), (0.2, "warning")])
def test_leaked_rows_weigh_by_their_share(share, status):
    leaked = {**run.validation(), "overlap": {"rows": round(1400 * share), "share": share}}
    title = "Judged on flows it was not trained on?"
    assert answers(run.evaluation(), validation=leaked)[title].status == status
    seen = {"rows": round(1400 * share), "share": share}
    assert answers(evaluation(repeats=seen))[title].status == status
    assert (
        answers(evaluation(repeats=seen), validation={**run.validation(), "overlap": {"share": 0.9}})[title].status
        == status
    )


_NO_LIFT = "an attack is hardly likelier to raise an alert than a normal flow"


@pytest.mark.parametrize(
    ("area", "at", "status", "brief"),
    [
        ((0.351, 0.302, 0.399), {}, "bad", "it is no better than chance"),
        ((0.53, 0.49, 0.57), {}, "bad", "it is no better than chance"),
        ((0.6, 0.45, 0.75), {}, "note", "it may be no better than chance"),
        ((0.874, 0.85, 0.9), {"recall": 0.0}, "bad", _NO_LIFT),
        # 5 of 400 attacks, where 1% of normal rows alert.
        ((0.874, 0.85, 0.9), {"recall": 0.0125}, "bad", _NO_LIFT),
        ((0.955, 0.941, 0.968), {"recall": 0.3}, "warning", "it misses most attacks (30.0% caught)"),
        ((0.955, 0.941, 0.968), {}, "good", ""),
    ],
)
def test_a_model_that_tells_nothing_apart_is_not_usable(area, at, status, brief):
    found = evaluation(
        roc_auc=dict(zip(("value", "low", "high"), area, strict=True)),
        at_threshold=at_threshold(**at),
        classes=run.evaluation()["classes"][:1],
    )
    check = answers(found)["Does it tell attacks from normal flows?"]
    assert (check.status, check.brief) == (status, brief)
    judged = verdict(found, validation={"verdict": "pass"})
    assert judged.status == status
    assert judged.headline.startswith("Not usable") is (status == "bad")


def test_of_few_attacks_none_caught_is_no_proof():
    few = evaluation(attacks=5, at_threshold=at_threshold(recall=0.0))
    check = answers(few)["Does it tell attacks from normal flows?"]
    assert (check.status, check.told) == ("note", False)
    assert verdict(few).headline == "Detection quality cannot be told: too few flows were judged"
    assert run.assessed(few)["verdict"] == "pass"


def test_the_class_with_the_most_attacks_missed_comes_first():
    classes = [
        {"name": "small", "rows": 60, "detected": 0, "recall": 0.0},
        {"name": "large", "rows": 5000, "detected": 2000, "recall": 0.4},
    ]
    assert "it misses most of large and small" in verdict(evaluation(classes=classes)).briefs


def test_a_suspected_leak_is_never_green():
    """Whatever the figures: also where they are too good."""
    leak = {"rule": "column_tells_alone", "severity": "warning", "column": "attack_cat", "message": "tells alone"}
    found = verdict(evaluation(), validation={"verdict": "pass", "findings": [leak]})
    assert found.status == "warning"
    assert found.headline == "Look before you trust it: a column may give the answer away"
    assert "column attack_cat may give the answer away" in found.briefs
    assert verdict(run.unlabelled(), validation={"verdict": "pass", "findings": [leak]}).status == "warning"


def test_a_gate_that_is_switched_off_is_said_to_be():
    off = [{"gate": "min_lift", "limit": 2, "value": 1.1, "passed": False, "by_default": True, "off": True}]
    document = evaluation(gates=off)
    found = assess(document, {}, {}, {})
    assert found["word"] == "not_usable"
    assert "Switched off by the configuration: min_lift." in str(found["checks"])
    assert "switched off" in page(evaluation=document).text


def test_of_attacks_alone_neither_precision_nor_the_alert_rate_says_anything():
    at = {name: value for name, value in at_threshold().items() if name != "false_positive_rate"}
    attacks = evaluation(normal=0, attacks=1400, roc_auc=None, recall_at=[], at_threshold=at)
    text = page(evaluation=attacks).text
    assert "Precision at the threshold" not in text
    assert "As many alerts as planned?" not in text


@pytest.mark.parametrize(
    ("normal", "attacks", "status"), [(1000, 400, "good"), (1000, 40, "warning"), (1000, 0, "warning")]
)
def test_few_rows_are_said_to_be_few(normal, attacks, status):
    assert answers(evaluation(normal=normal, attacks=attacks))["Enough evidence?"].status == status


def test_nothing_to_hold_against_a_model_is_said_too():
    clean = evaluation(classes=run.evaluation()["classes"][:1])
    assert verdict(clean, validation={"verdict": "pass"}).headline == "Passed every check"


def test_findings_of_data_and_evaluation_are_listed_errors_first():
    wrong = {**run.validation(), "findings": [{"severity": "error", "rule": "schema", "message": "a column is gone"}]}
    text = page(validation=wrong).text
    assert text.index("a column is gone") < text.index("scores of 7 flows are equal")


def test_data_without_labels_shows_alerts_and_no_made_up_quality():
    text = page(evaluation=run.unlabelled()).text
    assert "Detection quality is not known" in text
    assert "Alert rate 1.50% of 1,400 flows" in text
    for absent in ("ROC-AUC", "Precision", "Which attacks are caught", "Detection curves", "None", "nan"):
        assert not re.search(rf"\b{absent}\b", text)


def test_the_strongest_alerts_name_the_row_of_the_source_and_both_ends():
    text = page(evaluation=run.explained()).text
    assert "flows-monday.csv.gz, row 17" in text
    assert "10.0.0.5:51012 \u2192 [fe80::1]:445 tcp, 2024-05-13 14:02:11 UTC" in text


def test_alerts_are_explained_beside_the_normal_range():
    text = page(evaluation=run.explained()).text
    assert "row 17 score 0.690 scan" in text
    assert "bytes_out 65,535 0 to 900 80.0%" in text
    assert "protocol icmp 20.0%" in text


def test_champion_and_challenger_stand_side_by_side():
    text = page(evaluation=run.explained()).text
    assert "Promote recall rose by 4.1 points" in text
    assert "Champion (version 3)" in text
    assert "ROC-AUC 0.930 0.955 +0.025 0.011 to 0.039" in text


def test_provenance_names_run_digests_and_versions():
    text = page().text
    for fact in ("run_id run-42", "model sha256:abc", "versions.scikit-learn 1.7.2", "2026-01-02 03:04 UTC"):
        assert fact in text


def test_the_run_is_named_from_the_configuration_where_provenance_does_not():
    configuration = {"run_id": "run-7", "prepared_at": "2026-03-04T05:06:07Z", "champion": None}
    text = page(configuration=configuration, provenance={}).text
    assert "2026-03-04 05:06 UTC" in text
    assert "Provenance run_id run-7" in text


def test_a_page_is_made_of_nothing_at_all():
    text = Page(evaluation_page({}, {}, {}, {}, {}, {}, {})).text
    assert "No evaluation was recorded" in text


def leaves(document, path=()):
    """Paths of everything in a document; of a list, its first item stands for all."""
    for key, value in document.items() if isinstance(document, dict) else enumerate(document[:1]):
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from leaves(value, (*path, key))


def put(document, path, value):
    changed = copy.deepcopy(document)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return changed


@pytest.mark.parametrize("value", [None, float("nan"), "text", -1, [None], 10**400], ids=repr)
def test_any_field_of_any_document_may_be_absent_or_odd(value):
    documents = {**run.documents(), "evaluation": run.explained()}
    for name, document in documents.items():
        for path in leaves(document):
            html = evaluation_page(**{**documents, name: put(document, path, value)})
            assert "<h1>" in html, path


def test_hostile_names_are_inert_wherever_they_stand():
    documents = {**run.documents(), "evaluation": run.explained()}
    allowed = set(Page(evaluation_page(**documents)).elements)

    def poisoned(value):
        if isinstance(value, dict):
            return {name if name in KNOWN else name + HOSTILE: poisoned(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [poisoned(inner) for inner in value]
        return HOSTILE if isinstance(value, str) and value not in ("pass", "normal", "both") else value

    KNOWN = {key for document in documents.values() for path in leaves(document) for key in path}  # noqa: N806
    hostile = evaluation_page(**{name: poisoned(document) for name, document in documents.items()})
    found = Page(hostile)
    assert set(found.elements) <= allowed
    assert not [name for _, name, _ in found.attributes if name.startswith("on")]
    assert "{{ 7*7 }}" in found.text, "shown as text, neither run nor filled in"
    assert hostile.count("</style>") == 1


def test_the_page_refers_to_nothing_outside_itself():
    found = page(evaluation=run.explained())
    html = evaluation_page(**{**run.documents(), "evaluation": run.explained()})
    assert not {"script", "link", "img", "iframe", "object", "a", "base", "form"} & set(found.elements)
    assert not [name for _, name, _ in found.attributes if name in ("src", "href", "srcset", "xlink:href", "action")]
    for outside in ("http:", "https:", "url(", "@import", "//cdn"):
        assert outside not in html


def test_tables_have_headers_and_every_picture_has_words():
    found = page(evaluation=run.explained())
    assert found.elements.count("thead") == found.elements.count("table")
    silent = [a for a in found.attributes if a[:2] == ("svg", "aria-hidden")]
    spoken = [value for tag, name, value in found.attributes if (tag, name) == ("svg", "aria-label")]
    assert found.elements.count("svg") == len(silent) + len(spoken)
    assert all(spoken)


def test_documents_of_any_size_give_a_page_under_a_megabyte():
    long = "x" * 10_000
    large = {
        **run.explained(),
        "classes": [{"name": f"{n}{long}", "rows": 100, "recall": 0.1, "low": 0.0, "high": 0.2} for n in range(3000)],
        "findings": [{"severity": "warning", "message": long} for _ in range(3000)],
        "top_alerts": [{"row": 1, "label": long, "features": [{"name": long, "value": long}] * 100}] * 500,
        "reasons": [long] * 100, "verdict": "refuse", "interval_method": long,
        "gates": [{"gate": f"{n}{long}", "passed": False} for n in range(1000)],
    }  # fmt: skip
    wide = {f"key {n} {long}": {long: [long] * 50} for n in range(1000)}
    data = {**run.ingest_report(), "source": [long] * 1000, "dropped": {f"{n}{long}": n for n in range(1000)}}
    found = {**run.validation(), "findings": large["findings"]}
    html = evaluation_page(large, found, {**run.training(), "parameters": wide}, data, data, wide, wide)
    assert len(html.encode()) < 1_000_000


def test_equal_documents_give_equal_pages():
    assert evaluation_page(**run.documents()) == evaluation_page(**run.documents())


def test_the_reports_import_no_heavy_library():
    code = (
        "import sys, netanomaly.report; "
        "print([m for m in ('numpy', 'pandas', 'pyarrow', 'sklearn', 'scipy', 'kfp') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_figures_without_flows_seen_in_training_stand_beside_the_others():
    text = page(evaluation=run.explained()).text
    assert "Without flows it was trained on 70 of the evaluation flows (5.0%; 69 normal, 1 attack) equal a flow" in text
    assert "ROC-AUC 0.955 0.951" in text
    assert "Recall at 1% false positives 0.610 0.600" in text
    assert "Without flows it was trained on" not in page().text


def test_a_promise_that_was_broken_is_not_foretold_for_the_day():
    broken = {"false_positives": 230, "false_positive_rate": {"value": 0.23, "low": 0.2, "high": 0.26}}
    text = page(evaluation=evaluation(at_threshold=at_threshold(**broken))).text
    assert "At the rate achieved here expect about 11,960 false alarms a day, at the 52,000 flows" in text
    assert "402 to 651 were promised" in text
    assert "Expect 402" not in text


def test_the_page_says_what_the_promise_rests_on_and_which_flows_were_doubted():
    calibration = {"by": "time", "from": "2026-11-20T00:00:00+00:00", "to": "2026-11-22T12:30:00+00:00", "days": 3}
    training = run.training() | {"training_rows": "normal", "contamination": {"doubted": False}}
    known = page(training=training | {"calibration": calibration | {"gap_seconds": 3600.0}}).text
    assert (
        "the latest of those used, 2026-11-20 00:00 UTC to 2026-11-22 12:30 UTC (3 days), 3600 seconds after" in known
    )
    assert "none, they are known to be normal" in known
    found = {"doubted": True, "left_out": 0.1, "stands_apart": 0.054}
    doubted = page(training=run.training() | {"calibration": {"by": "random"}, "contamination": found}).text
    assert "a random part of those used" in doubted
    assert "the oddest 10%" in doubted
    assert "5.4% of the flows: rare kinds of traffic, or attacks" in doubted


def test_of_less_than_a_day_of_traffic_it_is_said_that_no_day_was_seen():
    """Ten minutes on one date are no day."""
    calibration = {"by": "time", "from": "2026-03-01T12:31:00+00:00", "to": "2026-03-01T12:41:00+00:00", "days": 1}
    time = {"column": "timestamp", "first": 1_772_366_400.0, "last": 1_772_370_000.0}
    short = page(
        training=run.training() | {"calibration": calibration}, training_data=run.ingest_report() | {"time": time}
    ).text
    assert "2026-03-01 12:31 UTC to 2026-03-01 12:41 UTC (10 minutes)" in short
    assert "A day is foretold by 1 hour of traffic: what the other hours are like was not seen" in short
    whole = time | {"last": 1_772_366_400.0 + 86_400}
    assert "A day is foretold by" not in page(training_data=run.ingest_report() | {"time": whole}).text


def test_false_alarms_are_foretold_for_the_day_and_for_what_was_judged():
    text = page().text
    assert "Expect 402 to 651 false alarms a day, at the 52,000 flows a day that it was trained on." in text
    assert "1% in use expect 0.80% to 1.20% 520 a day" in text
    assert "A budget of 1% lets 4 to 18 of the 1,000 normal flows judged raise an alert; there were 10." in text


@pytest.mark.parametrize(
    ("split", "says"),
    [
        (
            {"method": "time", "cut": "2024-05-01T12:00:00+00:00", "gap_seconds": 120.0, "left_out": {"in the gap": 7}},
            "trained on what came before 2024-05-01 12:00 UTC, judged on what came after, 2 minutes apart.",
        ),
        ({"method": "host", "left_out": {}}, "held out before fitting: by host, no address on both sides."),
        ({"method": "random", "left_out": {}}, "held out before fitting: at random, equal flows together."),
    ],
)
def test_how_a_part_was_held_out_is_said(split, says):
    data = {**run.ingest_report("train"), "part": "evaluation", "split": split}
    text = page(evaluation=evaluation(held_out=True), evaluation_data=data).text
    assert says in text
    assert ("7 (in the gap)" in text) == (split["method"] == "time")


@pytest.mark.parametrize(("index", "status"), [(0.02, "good"), (0.2, "note"), (0.4, "warning")])
def test_without_labels_it_is_said_whether_scores_are_spread_as_in_training(index, status):
    unlabelled = {**run.unlabelled(), "stability": {"index": index, "rows": 1400}}
    assert answers(unlabelled)["Do flows look as in training?"].status == status
    assert "Do flows look as in training?" not in answers(evaluation(stability={"index": index, "rows": 1000}))
