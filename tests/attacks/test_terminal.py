"""Names, descriptions, reasons, file names and answers may hold what a terminal obeys: none of it gets there."""

import ast
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netanomaly import output
from netanomaly.report import data_page, decision_note, evaluation_page

from tests.attacks.hostile import ALL, MARKS, obeyed
from tests.command import ROOT, netanomaly
from tests.unit import report_documents

PACKAGE = ROOT / "components" / "netanomaly"
texts = st.text(st.characters() | st.sampled_from(sorted(set(ALL))) | st.characters(categories=["Cc", "Cf", "Cs"]))


@given(texts)
def test_what_is_shown_is_one_line_that_is_only_shown(text):
    shown = output.visible(text)
    assert not obeyed(shown)
    assert len(shown.splitlines()) <= 1
    shown.encode()


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Mc", "Me", "Zs"])))
def test_plain_text_of_any_language_is_shown_as_it_is(text):
    allowed = "".join(character for character in text if not obeyed(output.visible(character + "x")))
    fillers = "\u115f\u1160\u3164\uffa0"
    if not any(filler in text for filler in fillers):
        assert output.visible(allowed) == allowed


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | texts, lambda inner: st.lists(inner) | st.dictionaries(texts, inner)
    )
)
def test_json_says_the_same_and_holds_nothing_that_is_obeyed(document):
    written = output.json_text(document)
    assert not obeyed(written)
    written.encode()
    assert json.loads(written) == document


def test_a_very_long_line_is_cut_and_says_by_how_much():
    shown = output.visible("a" * 1_000_000)
    assert len(shown) < 10_000
    assert shown.endswith("characters more)")


def test_no_module_prints_but_through_the_filter():
    """`output` prints; `console` and `registry_words` draw tables of filtered cells; `_say` of cli gets filtered lines."""
    allowed = {"output.py": {"print"}, "runners/console.py": {"print"}, "cli/registry_words.py": {"print"}}
    printing = {"print", "pprint", "echo", "secho", "print_exc", "print_exception", "print_stack"}
    found = []
    for path in PACKAGE.rglob("*.py"):
        name = path.relative_to(PACKAGE).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            to_stream = called in ("write", "writelines") and ast.unparse(node.func).startswith(
                ("sys.std", "sys.__std")
            )
            if (called in printing - allowed.get(name, set())) or to_stream:
                found.append(f"{name}:{node.lineno}: {ast.unparse(node.func)}")
    assert not found, "print through netanomaly.output"


def test_whatever_documents_say_pages_and_notes_hold_nothing_that_is_obeyed():
    spoilt = {name: _spoilt(document) for name, document in report_documents.documents().items()}
    pages = [
        evaluation_page(**spoilt),
        data_page(
            *(
                _spoilt(each)
                for each in (
                    report_documents.validation(),
                    report_documents.ingest_report(),
                    report_documents.ingest_report("test"),
                )
            )
        ),
        decision_note(_spoilt({"decision": "keep", "reason": "r", "rule": "r"}), spoilt["evaluation"], ALL),
    ]
    for page in pages:
        assert not obeyed(page)
        assert "\\u202e" in page
    for page in pages[:2]:
        assert "default-src 'none'" in page


def test_no_page_begins_otherwise_than_with_the_policy_that_lets_it_load_run_and_send_nothing():
    begin = [path.name for path in sorted(PACKAGE.rglob("*.j2")) if "<html" in path.read_text("utf-8").lower()]
    assert begin == ["page.html.j2"]
    page = (PACKAGE / "report/templates/page.html.j2").read_text("utf-8")
    policy = re.search('<meta http-equiv="Content-Security-Policy" content="([^"]+)">', page)
    assert policy is not None
    assert set(policy[1].split("; ")) == {
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "base-uri 'none'",
        "form-action 'none'",
    }
    # Before anything that comes from others: what stands above it is not under it.
    above = page[: policy.start()]
    assert not [mark for mark in ("{{", "{% block", "{% include", "<script", "<style") if mark in above]
    for path in PACKAGE.rglob("*.py"):
        assert "<body>" not in path.read_text("utf-8"), path


def _spoilt(document):
    """The same with marks after every text."""
    if isinstance(document, dict):
        return {name: _spoilt(value) for name, value in document.items()}
    if isinstance(document, list | tuple):
        return [_spoilt(item) for item in document]
    return document + ALL if isinstance(document, str) else document


@pytest.fixture(scope="module")
def hostile_run(tmp_path_factory):
    """A run over data whose classes, columns, values, file and descriptions are full of marks."""
    folder = tmp_path_factory.mktemp("hostile")
    source = folder / f"flows {MARKS[0]}{MARKS[6]}.csv"
    columns = [f"bytes{MARKS[2]}", f"packets{MARKS[8]}", f"service{MARKS[6]}", "label"]
    rows = [
        f"{(i * 37) % 101 + (0 if i % 4 else 5000)},{(i * 53) % 97},{('http' + MARKS[5], 'dns' + MARKS[3])[i % 2]},"
        + ("normal" if i % 4 else f"scan{MARKS[1]}{MARKS[7]}")
        for i in range(2000)
    ]
    source.write_text("\n".join([",".join(columns), *rows]) + "\n", encoding="utf-8")
    configuration = folder / "hostile.json"
    document = {
        "model_name": "hostile",
        "model_type": "isolation_forest",
        "data_source": str(source),
        "description": f"about {ALL}",
        "gates": {"min_roc_auc": 0.0},
    }
    configuration.write_text(json.dumps(document))
    ended = netanomaly("run", configuration, "--workdir", folder / "runs", cwd=folder)
    return folder, ended


def test_a_run_over_hostile_data_sends_nothing_to_the_terminal(hostile_run):
    folder, ended = hostile_run
    assert ended.code in (0, 4), ended.stderr
    assert not obeyed(ended.stdout + ended.stderr)
    looked_at = [path for path in folder.rglob("*") if path.is_file() and path.suffix in (".html", ".md", ".log")]
    looked_at += folder.rglob("run.json")
    looked_at += [path for path in (folder / "runs").rglob("*note*") if path.is_file()]
    assert len(looked_at) > 8
    for path in looked_at:
        assert not obeyed(path.read_bytes().decode("utf-8")), path


@pytest.fixture(scope="module")
def hostile_registry(tmp_path_factory):
    """A registry whose one version says marks wherever it may say something."""
    folder = tmp_path_factory.mktemp("registry")
    (folder / "model.bin").write_bytes(b"no model")
    data = {"rows": 5, "identity": ALL, "source": [ALL]}
    metadata = {
        "model_version": f"1.0{ALL}",
        "metrics": {f"metric{ALL}": 0.5, "roc_auc": 0.9},
        "data": {"training": data, "evaluation": data},
        "library_versions": {ALL: ALL},
    }
    (folder / "metadata.json").write_text(json.dumps(metadata))
    registry = folder / "registry"
    said = ("--description", f"about {ALL}", "--metadata", folder / "metadata.json")
    made = netanomaly(
        "registry", "register", "--name", "hostile", "--artifact", folder / "model.bin", *said, "--registry", registry
    )
    assert made.code == 0, made.stderr
    changed = netanomaly("registry", "deprecate", "hostile:1", "--why", f"why {ALL}", "--registry", registry)
    assert changed.code == 0, changed.stderr
    return registry


@pytest.mark.parametrize("command", ["list", "show", "versions", "history", "compare", "fsck"])
@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
def test_no_registry_command_sends_what_a_registry_holds(hostile_registry, command, form):
    registry = hostile_registry
    about = {"list": (), "fsck": (), "show": ("hostile:1",), "compare": ("hostile:1", "hostile:1")}
    ended = netanomaly("registry", command, *about.get(command, ("hostile",)), *form, "--registry", registry)
    assert ended.code == 0, ended.stderr
    assert not obeyed(ended.stdout + ended.stderr)


@pytest.mark.parametrize(
    "arguments",
    [
        ("registry", "show", f"{ALL}:1"),
        ("registry", "alias", "set", "hostile:1", ALL),
        ("registry", "list", "--registry", f"s3://{ALL}"),
        ("run", ALL),
        (ALL,),
        ("run", f"--{ALL}"),
        ("submit", ALL, "--host", f"http://127.0.0.1:9/{ALL}"),
    ],
)
def test_no_error_repeats_what_it_was_given_as_it_was(arguments, tmp_path):
    plain, as_json = (netanomaly(*arguments, *form, cwd=tmp_path) for form in ((), ("--json",)))
    for ended in (plain, as_json):
        assert ended.code == 2
        assert not obeyed(ended.stdout + ended.stderr)
        assert "Traceback" not in ended.stderr
