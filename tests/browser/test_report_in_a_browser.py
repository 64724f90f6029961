"""The reports as a person sees them: in a frame without scripts, on a phone and a desktop, in light and dark."""

import html
import json
import re
from pathlib import Path

import pytest
from netanomaly.report import data_page, evaluation_page

from tests.unit import report_documents as run

_FRAME = Path(__file__).with_name("measure.html")
_REFUSED = {
    **run.evaluation(),
    "verdict": "refuse",
    "reasons": ["min_roc_auc: 0.955 is under 0.99"],
    "gates": [{"gate": "min_roc_auc", "limit": 0.99, "value": 0.955, "passed": False}],
}
PAGES = {
    "evaluation": evaluation_page(**{**run.documents(), "evaluation": run.explained()}),
    "refused": evaluation_page(**{**run.documents(), "evaluation": _REFUSED}),
    "unlabelled": evaluation_page(**{**run.documents(), "evaluation": run.unlabelled()}),
    "data": data_page(run.validation(), run.ingest_report(), run.ingest_report("test")),
}


def measured(page, width, dark, dump_dom, tmp_path):
    frame = tmp_path / "frame.html"
    frame.write_text(_FRAME.read_text().replace("@WIDTH@", str(width)).replace("@PAGE@", html.escape(page)))
    found = re.search(r'<pre id="measured">(.*?)</pre>', dump_dom(frame, dark), re.DOTALL)
    assert found
    return json.loads(html.unescape(found.group(1)))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_read(name, width, dark, dump_dom, tmp_path):
    """Nothing sticks out to the side, every text has the contrast that WCAG AA asks, none is tiny, pictures show."""
    found = measured(PAGES[name], width, dark, dump_dom, tmp_path)
    assert found["width"] == width
    assert found["needed"] <= width
    assert found["poor"] == []
    assert found["tiny"] == []
    assert found["pictures"] > 0
    assert found["unseen"] == 0
    assert found["loaded"] == []
    assert found["headline"] < 300, "the verdict is on the first screen"
    assert (found["background"] == "rgb(14, 19, 24)") == dark


def test_a_script_in_a_name_does_not_run_where_scripts_may(dump_dom, tmp_path):
    attack = (
        "\"'><script>document.documentElement.dataset.ran = 'yes'</script><img src=x onerror=\"document.title='ran'\">"
    )
    hostile = run.evaluation()
    hostile["classes"][0]["name"] = hostile["findings"][0]["message"] = attack
    documents = {**run.documents(), "evaluation": hostile, "configuration": {"model_name": attack}}
    page = tmp_path / "page.html"
    page.write_text(evaluation_page(**documents))
    dom = dump_dom(page)
    assert "data-ran" not in dom
    assert "<img" not in dom
    assert "<title>ran" not in dom
    assert "dataset.ran" in dom, "it is shown as text"
