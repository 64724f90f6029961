"""Local execution of a compiled pipeline: the same YAML that a cluster runs, without a cluster.

    result = run("pipeline.yaml", {"configuration": {...}}, Path("runs/1"), launcher=HostLauncher())
    result.output("register", "record").path

`run` reads the KFP v2 PipelineSpec itself and is strict: what it does not know it refuses by name, before
anything starts. Wiring, placeholders and failure semantics are those of the KFP back end.
Imports neither kfp nor a data library. Why not `kfp.local`: docs/decisions/local-runner.md.
"""

from netanomaly.runners.events import (
    Event,
    RunFinished,
    RunStarted,
    TaskFinished,
    TaskProgress,
    TaskRetried,
    TaskStarted,
    TasksUnrolled,
    TaskWaiting,
)
from netanomaly.runners.execution import run
from netanomaly.runners.host import HostLauncher
from netanomaly.runners.launcher import Launcher, StageCall, StageExit
from netanomaly.runners.result import Artifact, RunResult, StageResult

__all__ = [
    "Artifact",
    "Event",
    "HostLauncher",
    "Launcher",
    "RunFinished",
    "RunResult",
    "RunStarted",
    "StageCall",
    "StageExit",
    "StageResult",
    "TaskFinished",
    "TaskProgress",
    "TaskRetried",
    "TaskStarted",
    "TaskWaiting",
    "TasksUnrolled",
    "run",
]
