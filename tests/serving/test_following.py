"""Another version is taken up without a failed request or a mixed answer; one that cannot be is not, and that is told."""

import subprocess
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import joblib
import pytest
from netanomaly.models.model import FORMAT
from netanomaly.registry import open_registry
from netanomaly.registry.changes import CHAMPION, Promotion

from tests.serving.conftest import Office
from tests.serving.load import Load
from tests.serving.running import Server, server


def eventually(holds, seconds: float = 30.0):
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)
    return found


@contextmanager
def following(office: Office, *more: str, reference: str = "office", **options):
    with server("--model", reference, "--registry", office.uri, "--look_seconds", "0.1", *more, **options) as running:
        yield running


def version(running: Server) -> str:
    return running.ask("/v2/models/office").json["versions"][0]


def register(office: Office, path: Path, number: int, *, alias: bool = True, versions=None) -> None:
    open_registry(office.uri).register(
        "office",
        path,
        {"versions": versions or office.models[0].versions},
        run_id=f"later-{number}",
        artifact_name="model.joblib",
        promotion=Promotion(aliases=(CHAMPION,) if alias else ()),
    )


def test_the_champion_is_followed_and_a_pinned_version_is_not(own_office):
    with following(own_office) as follows, following(own_office, "--pin") as pinned:
        table = own_office.rows(5)
        open_registry(own_office.uri).set_alias("office:2", CHAMPION)
        eventually(lambda: version(follows) == "2")
        assert follows.score(table).json["model_version"] == "2"
        assert follows.metric('netanomaly_swaps_total{role="model"}') == 1
        assert version(pinned) == "1"
        # An address with a number is of that number alone.
        assert follows.ask("/v2/models/office/versions/1").status == 404


def test_moves_under_load_fail_no_request_and_mix_no_answer(own_office):
    registry = open_registry(own_office.uri)
    with following(own_office) as running, Load(running, own_office) as load:
        for move in range(6):
            number = 2 - move % 2
            registry.set_alias(f"office:{number}", CHAMPION)
            eventually(lambda number=number: load.latest == number or load.wrong, 60)
    assert not load.wrong


@pytest.fixture(params=["tampered", "cut off", "too new", "other scikit-learn", "no model", "gone"])
def spoilt(request, own_office, tmp_path):
    """The next champion, as it must not be served; and what is said of it."""
    path = tmp_path / "next.joblib"
    if request.param == "too new":
        model = joblib.load(own_office.files[1])
        model.format = FORMAT + 1
        model.save(path)
        register(own_office, path, 3, alias=False)
        return own_office, "has format"
    if request.param == "other scikit-learn":
        path.write_bytes(own_office.files[1].read_bytes())
        versions = {**own_office.models[0].versions, "scikit-learn": "0.1.0"}
        register(own_office, path, 3, alias=False, versions=versions)
        return own_office, "scikit-learn 0.1.0"
    if request.param == "no model":
        joblib.dump({"not": "a model"}, path)
        register(own_office, path, 3, alias=False)
        return own_office, "not a model of netanomaly"
    model = joblib.load(own_office.files[1])
    model.alert_budget = 0.02
    model.save(path)
    register(own_office, path, 3, alias=False)
    stored = Path(own_office.uri) / open_registry(own_office.uri).version("office:3").record.artifact.path
    if request.param == "gone":
        stored.unlink()
        return own_office, "is gone"
    data = stored.read_bytes()
    stored.chmod(0o600)
    stored.write_bytes(data[:-7] if request.param == "cut off" else data[:-7] + b"tampers")
    return own_office, "altered"


def test_a_version_that_cannot_be_trusted_leaves_the_old_one_serving_loudly(spoilt):
    office, said = spoilt
    with following(office) as running:
        open_registry(office.uri).set_alias("office:3", CHAMPION)
        ready = eventually(lambda: "detail" in (found := running.ask("/v2/health/ready").json) and found)
        assert ready["ready"]
        assert said in ready["detail"]
        assert running.score(office.rows(3)).json["model_version"] == "1"
        # Told before the detail is; the test reads lines on a thread of its own.
        eventually(lambda: any(said in line for line in running.said))
        metrics = running.ask("/metrics").body.decode()
        assert 'netanomaly_swap_failures_total{role="model",kind=' in metrics
        # Told once, however often it is looked at.
        time.sleep(0.5)
        assert sum(said in line for line in running.said) == 1
        open_registry(office.uri).set_alias("office:2", CHAMPION)
        eventually(lambda: version(running) == "2")
        assert "detail" not in running.ask("/v2/health/ready").json


def test_an_unsigned_version_is_not_served_where_keys_are_trusted(office, tmp_path):
    public = tmp_path / "key.pub"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", tmp_path / "key"], check=True)
    subprocess.run(["openssl", "pkey", "-in", tmp_path / "key", "-pubout", "-out", public], check=True)
    with ExitStack() as stack, pytest.raises(AssertionError, match="is not signed"):
        stack.enter_context(following(office, environment={"NETANOMALY_TRUSTED_KEYS": str(public)}))


def test_a_shadow_scores_beside_and_never_answers(own_office):
    table = own_office.rows(60)
    with following(own_office, "--shadow", "office@challenger") as running:
        answered = running.score(table)
        assert answered.json["model_version"] == "1"
        first, second = (model.score(table) > model.threshold for model in own_office.models)
        both = int((first & second).sum())
        assert both
        eventually(lambda: running.metric('netanomaly_shadow_rows_total{alerts="both"}') == both)
        assert running.metric('netanomaly_shadow_rows_total{alerts="none"}') == int((~first & ~second).sum())
        assert running.metric("netanomaly_shadow_distance_count") == table.num_rows
