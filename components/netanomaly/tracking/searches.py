"""What MLflow is told of a search for hyper-parameters: made of its document alone, so that the same document tells the same."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from netanomaly import output
from netanomaly.tracking import training
from netanomaly.tracking.runs import LONGEST_PARAMETER, Run

Document = Mapping[str, Any]

# MLflow has no word for a trial that was ended on purpose; its own clients call it killed, too.
_STATUS = {"complete": "FINISHED", "failed": "FAILED"}
_OTHERWISE = "KILLED"


def tuning_run(
    configuration: Document, dossier: Document, tuning: Document, report: bytes, made_by: Mapping[str, str]
) -> Run:
    """A search that is a run of its own, its trials below it.

    Args:
        configuration: The resolved configuration.
        dossier: As select left it.
        tuning: The search and what came of it, `tuning.json`.
        report: The tuning report, one HTML page.
        made_by: Further tags: image, commit, the run's page.
    """
    started = training.milliseconds(configuration["prepared_at"])
    tags = {
        "mlflow.source.name": "netanomaly tuning",
        "mlflow.source.type": "JOB",
        "mlflow.note.content": training.note(
            [f"{tuning['outcome'].replace('_', ' ')}: {tuning['reason']}.", str(configuration.get("description") or "")]
        ),
        "netanomaly.model": configuration["model_name"],
        "netanomaly.registry": configuration.get("registry") or "",
        **made_by,
    }
    run = Run(
        key=configuration["run_id"],
        name=f"tuning of {configuration['model_name']}",
        started=started,
        ended=started + round(1000 * tuning["seconds"]),
        parameters=training.parameters(configuration),
        tags={key: value for key, value in tags.items() if value},
        datasets=[training.dataset(dossier["ingest"]["training"], "training")],
        artifacts={"configuration.json": training.json_bytes(configuration)},
    )
    return searched(run, tuning, report)


def searched(run: Run, tuning: Document, report: bytes) -> Run:
    """The run with the search that it began with, or was: figures, files, and a run below it for each trial."""
    figures = {"tuning_defaults_recall": tuning["defaults"]["value"], "tuning_seconds": tuning["seconds"]}
    figures |= {f"tuning_trials_{state}": count for state, count in tuning["counts"].items()}
    best = next((each for each in tuning["trials"] if each["number"] == tuning["best"]), None)
    if best is not None:
        figures["tuning_best_recall"] = best["value"]
    final = tuning["final"] or {}
    if "difference" in final:
        sides = {"defaults": final["before"], "best": final["after"], "difference": final["difference"]}
        figures |= dict(_measured("tuning_final", sides))
    tags = {
        "netanomaly.tuning": tuning["outcome"],
        "netanomaly.tuning_reason": tuning["reason"],
        "netanomaly.tuning_objective": tuning["objective"]["kind"],
    }
    files = {"tuning.json": training.json_bytes(tuning), "tuning_report.html": report}
    return replace(
        run,
        metrics={**run.metrics, **figures},
        tags={**run.tags, **tags},
        artifacts={**run.artifacts, **files},
        # The best first: where time runs out, it is the others that are missing.
        trials=[
            _trial(run, tuning, each)
            for each in sorted(
                tuning["trials"], key=lambda each: (each["number"] != tuning["winner"], -each.get("value", -1.0))
            )
        ],
    )


def _trial(run: Run, tuning: Document, trial: Document) -> Run:
    candidate, number = trial["candidate"], trial["number"]
    figures = {"recall": trial.get("value"), "recall_on_a_quarter": trial.get("quarter"), "seconds": trial["seconds"]}
    for fold in trial.get("folds", ()):
        figures |= dict(_measured(fold["name"], {"recall": fold["after"], "difference": fold["difference"]}))
    figures |= trial.get("internal", {})
    tags = {
        "netanomaly.trial": str(number),
        "netanomaly.trial_round": str(trial["round"]),
        "netanomaly.trial_state": trial["state"],
        "netanomaly.trial_why": output.visible(trial.get("why", ""))[:LONGEST_PARAMETER],
        "netanomaly.trial_won": "yes" if number == tuning["winner"] else "",
    }
    named = {"model_type": candidate["model_type"], "model_parameters": candidate["parameters"]}
    return Run(
        key=f"{run.key}/trial-{number}",
        name=f"trial {number}, {candidate['model_type']}",
        # How long a trial took is kept, and not when it began.
        started=run.started,
        ended=run.started + round(1000 * trial["seconds"]),
        status=_STATUS.get(trial["state"], _OTHERWISE),
        parameters=training.parameters({**named, "context": candidate["context"]}),
        metrics={name: value for name, value in figures.items() if value is not None},
        tags={key: value for key, value in tags.items() if value},
    )


def _measured(name: str, sides: Mapping[str, Document]) -> Iterator[tuple[str, float]]:
    """Figures with the ends of their intervals."""
    for side, found in sides.items():
        ends: Sequence[tuple[str, str]] = (("", "value"), ("_low", "low"), ("_high", "high"))
        for end, of in ends:
            if found.get(of) is not None:
                yield f"{name}_{side}{end}", found[of]
