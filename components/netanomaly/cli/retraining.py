"""Training again from here, in this process, for a window that was judged: at most once, whoever else judges it."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netanomaly import output
from netanomaly.cli.run import new_run_dir
from netanomaly.errors import ConfigError, GateRefusal, InputError, NetanomalyError, OutsideError

if TYPE_CHECKING:
    from netanomaly.monitoring.program import Judged
    from netanomaly.registry import Registry


def read_training(path: Path, model: str, source: Sequence[str], registry: str) -> dict[str, Any]:
    """The training configuration of a retraining, checked: of this model, on the window unless it names its own data.

    Raises:
        ConfigError: It is none.
    """
    from netanomaly import config
    from netanomaly.monitoring.finding import refuse_to_learn_scores
    from netanomaly.stages.prepare.program import check

    given = config.read(path)
    refuse_to_learn_scores(source, given)
    document = {"data_source": list(source), **given, "model_name": model, "registry": registry}
    check(document)
    return document


def read_occasions(words: str) -> list[str]:
    """What to retrain for, of what was written for --retrain-when.

    Raises:
        ConfigError: Something of it is none of the choices.
    """
    from netanomaly.monitoring.retraining import CHOICES

    found = [each.strip() for each in words.split(",")]
    if unknown := [each for each in found if each not in CHOICES]:
        raise ConfigError(f"--retrain-when has {unknown[0]!r}; choose of {', '.join(CHOICES)}")
    return found


def retrain(
    registry: "Registry",
    judged: "Judged",
    training: Mapping[str, Any],
    feedback: str,
    when: Sequence[str],
    age_days: float,
    workdir: Path,
) -> str:
    """Train for the window where it is due; what came of it, or why not, in words. Empty where nothing was due.

    Raises:
        NetanomalyError: The training failed or a gate refused it: the champion stays, and this window is not tried again.
    """
    from netanomaly.monitoring.program import without_open_alerts
    from netanomaly.monitoring.retraining import Wish, against, reason, started

    verdict = judged.verdict
    model, number = verdict["model"]["name"], verdict["model"]["version"]
    created = registry.version(f"{model}:{number}").record.created_at
    why = reason(verdict, Wish(tuple(when), age_days), created)
    if not why:
        return ""
    if words := against(verdict):
        return f"not retrained, though {why}: {words}"
    output.tell(f"retraining {model}: {why}")

    def train(run: str) -> str:
        return _train(run, without_open_alerts(registry, model, training, judged, feedback), workdir / model)

    claim = started(registry, model, verdict["window"], number, train)
    if claim is None:
        return f"not retrained: for this window that was done, failed, or is being done ({why})"
    return f"{claim.words} ({why})"


def _train(run: str, training: Mapping[str, Any], parent: Path) -> str:
    """Run the training pipeline on this machine."""
    from netanomaly import runners
    from netanomaly.cli.compile import compiled_file
    from netanomaly.cli.pipelines import Name, kind_of
    from netanomaly.runners import console
    from netanomaly.runners.host import HostLauncher

    training_kind = kind_of(Name.training)
    run_dir = new_run_dir(parent, "retraining")
    with console.view(sys.stderr) as show:
        result = runners.run(
            compiled_file(training_kind.name),
            {"configuration": dict(training)},
            run_dir,
            run_id=run,
            launcher=HostLauncher(),
            on_event=show,
            retries=False,
        )
    came = training_kind.of_run(result)
    if result.state != "succeeded":
        kinds: dict[int, type[NetanomalyError]] = {2: InputError, 3: OutsideError, 4: GateRefusal}
        raise kinds.get(result.exit_code, NetanomalyError)(f"retraining failed, the champion stays: {result.error}")
    standing = "the champion now" if "champion" in (came.get("aliases") or ()) else "the champion stays"
    reason = (came.get("decision") or {}).get("reason")
    return f"version {came['version']} registered, {standing}" + (f": {reason}" if reason else "")
