"""A run of the stand-in: it takes a step each time it is looked at, and lists its tasks as a real server does."""

import itertools
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

NEVER, NOT_YET = "1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z"
_SECONDS_OF_A_STEP = 5
_NUMBERS = itertools.count(100_000_001, 7)
# What the recorded server, which has no MLflow, says in every run.
_PLUGINS = {
    "mlflow": {
        "entries": {"experiment_name": {"value": "KFP-Default"}},
        "state": "PLUGIN_FAILED",
        "state_message": "MLflow config resolution failed; run creation will continue",
    }
}


@dataclass
class Fate:
    """What becomes of a stage: its exit code, or None where it is killed, and the lines it prints."""

    code: int | None = 0
    lines: tuple[str, ...] = ()
    earlier: tuple["Fate", ...] = ()
    """Attempts before it, where the stage may be tried again."""
    cached: bool = False
    log_kept: bool = True
    looks: int = 1
    """How many looks it lasts; from the second on its pod is shown as running."""
    starts: bool = True
    """Whether its pod ever starts: an image that cannot be pulled, a quota that is used up."""


@dataclass
class Run:
    """A run. `waves` are its tasks, side by side within one; `branches` those whose condition does not hold."""

    request: dict[str, Any]
    waves: list[list[str]]
    fates: dict[str, Fate]
    policy: str = ""
    """The server's own for every task, as stock 2.17.0 has `OnError`: each node then hangs below one of its name."""
    recurring: str | None = None
    orphan: bool = False
    """Its workflow is gone, with the recurring run that made it: it stays as it is for ever."""
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    step: int = 0
    canceled: bool = False
    logs: dict[str, str] = field(default_factory=dict)
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    history: list[dict[str, str]] = field(default_factory=list)
    state: str = "PENDING"
    finished_at: str = NEVER
    branches: frozenset[str] = frozenset()
    first_pods: dict[str, str] = field(default_factory=dict)
    """Pods of first attempts that were seen to fail while the stage went on."""
    _wave: int = 0
    _phase: int = 0

    def __post_init__(self) -> None:
        self.created = datetime.now(UTC).replace(microsecond=0)
        self.workflow = f"{self.waves[0][0]}-{self.id[:5]}"
        self.become("PENDING")

    @property
    def now(self) -> str:
        return f"{self.created + timedelta(seconds=self.step * _SECONDS_OF_A_STEP):%Y-%m-%dT%H:%M:%SZ}"

    def take_step(self) -> None:
        """Go on as far as a real run goes between two looks."""
        if self.ended or self.orphan:
            return
        self.step += 1
        if self.canceled:
            if self.state == "CANCELING":
                # Only its history tells it from one that failed.
                self._break_off()
                self.become("FAILED")
            else:
                self.become("CANCELING")
        elif self.step == 1:
            self.become("RUNNING")
            self._begin(self.workflow, "RUNNING")
            self._begin("root-driver", "PENDING")
        elif self.step == 2:
            self._end("root-driver", "SUCCEEDED")
            self._begin("root", "RUNNING")
            self._start_drivers()
        elif self._phase == 1:
            self._start_executors()
        else:
            self._end_wave()

    @property
    def ended(self) -> bool:
        return self.state in ("SUCCEEDED", "FAILED", "CANCELED")

    def document(self) -> dict[str, Any]:
        """As the server answers."""
        at = f"{self.created:%Y-%m-%dT%H:%M:%SZ}"
        answer: dict[str, Any] = {
            "experiment_id": self.request["experiment_id"],
            "run_id": self.id,
            "display_name": self.request["display_name"],
            "storage_state": "AVAILABLE",
        }
        for name in ("pipeline_version_reference", "pipeline_spec"):
            if name in self.request:
                answer[name] = self.request[name]
        if self.request.get("runtime_config", {}).get("parameters"):
            answer["runtime_config"] = self.request["runtime_config"]
        answer |= {"service_account": "pipeline-runner", "created_at": at, "scheduled_at": at}
        answer |= {"finished_at": self.finished_at, "state": self.state}
        if self.recurring:
            answer["recurring_run_id"] = self.recurring
        if self.tasks:
            # In the order of ids, that is in none.
            found = [*self.tasks.values(), *self._nameless()]
            answer["run_details"] = {"task_details": sorted(found, key=lambda task: task["task_id"])}
        return answer | {"state_history": self.history, "plugins_output": _PLUGINS}

    def become(self, state: str) -> None:
        self.state = state
        self.history.append({"update_time": self.now, "state": state})
        if self.ended:
            self.finished_at = self.now

    def _nameless(self) -> list[dict[str, Any]]:
        """Entries of a server with a policy of its own that say nothing but an execution's number."""
        if not self.policy:
            return []
        at = f"{self.created:%Y-%m-%dT%H:%M:%SZ}"
        stages = [stage for stage in itertools.chain(*self.waves) if stage in self.tasks]
        return [
            {
                "run_id": self.id,
                "task_id": str(uuid.uuid5(uuid.UUID(self.id), stage)),
                "create_time": at,
                "start_time": NEVER,
                "end_time": NEVER,
                "execution_id": str(number),
            }
            for number, stage in enumerate(stages, 1)
        ]

    def _begin(self, key: str, state: str, name: str | None = None) -> dict[str, Any]:
        task = {
            "run_id": self.id,
            "task_id": str(uuid.uuid4()),
            "display_name": name or key,
            "create_time": f"{self.created:%Y-%m-%dT%H:%M:%SZ}",
            "start_time": self.now,
            "end_time": NOT_YET,
            "state": state,
            "state_history": [{"update_time": self.now, "state": state}],
        }
        self.tasks[key] = task
        if self.policy and state not in ("", "SKIPPED") and not key.endswith(")") and key != self.workflow:
            self._begin(f"{key}(0)", state, name=f"{name or key}(0)")
            task["child_tasks"] = [{"pod_name": self._node()}]
        return task

    def _tell(self, task: dict[str, Any], state: str) -> None:
        if task["state"] != state:
            task["state"] = state
            task["state_history"].append({"update_time": self.now, "state": state})

    def _end(self, key: str, state: str, *children: str) -> None:
        task = self.tasks[key]
        task |= {"state": state, "end_time": self.now}
        task["state_history"].append({"update_time": self.now, "state": state})
        if children:
            task["child_tasks"] = [{"pod_name": child} for child in children]
        if self.policy and f"{key}(0)" in self.tasks:
            self._end(f"{key}(0)", state)

    def _break_off(self) -> None:
        for task in self.tasks.values():
            if task["end_time"] == NOT_YET:
                task["end_time"] = self.now
                self._tell(task, "FAILED")

    def _leave_out(self, key: str) -> None:
        """What is left out has no state at all."""
        task = self._begin(key, "")
        task |= {"end_time": self.now}
        del task["state"]
        task["state_history"] = [{"update_time": self.now}]

    def _start_drivers(self) -> None:
        for stage in self.waves[self._wave]:
            self._begin(f"{stage}-driver", "PENDING")
        self._phase = 1

    def _start_executors(self) -> None:
        for stage in self.waves[self._wave]:
            self._end(f"{stage}-driver", "SUCCEEDED", self._node())
            if stage in self.branches:
                # Argo skips the whole graph: there is no executor.
                self._begin(stage, "SKIPPED")["end_time"] = self.now
                continue
            self._begin(stage, "RUNNING")
            cached = self._fate(stage).cached
            self._begin(f"{stage}/executor", "SKIPPED" if cached else "PENDING", name="executor")
        self._phase = 2

    def _end_wave(self) -> None:
        stages = [stage for stage in self.waves[self._wave] if stage not in self.branches]
        if any(not self._fate(stage).starts for stage in stages):
            return
        if self._phase <= max((self._fate(stage).looks for stage in stages), default=0):
            self._phase += 1
            self._show_running(stages)
            return
        for stage in stages:
            self._end_stage(stage, self._fate(stage))
        self._wave, self._phase = self._wave + 1, 0
        if any(self._fate(stage).code != 0 for stage in stages):
            for stage in itertools.chain(*self.waves[self._wave :]):
                self._leave_out(f"{stage}-driver")
                self._leave_out(stage)
            self._finish("FAILED")
        elif self._wave == len(self.waves):
            self._finish("SUCCEEDED")
        else:
            self._start_drivers()

    def _show_running(self, stages: list[str]) -> None:
        for stage in stages:
            fate = self._fate(stage)
            for key in (f"{stage}/executor", f"{stage}/executor(0)"):
                if key in self.tasks and not fate.cached:
                    self._tell(self.tasks[key], "RUNNING")
            if fate.earlier and stage not in self.first_pods:
                self._end_first_attempt(stage, fate.earlier[0])

    def _end_first_attempt(self, stage: str, attempt: Fate) -> None:
        """One that another follows: seen while the stage goes on."""
        key, pod = f"{stage}/executor(0)", self._node()
        if key not in self.tasks:
            self._begin(key, "PENDING", name="executor(0)")
        self._end(key, "FAILED")
        if attempt.log_kept:
            self.logs[pod] = self._log(stage, attempt, 0)
        self.tasks[f"{stage}/executor"]["child_tasks"] = [{"pod_name": pod}]
        self.first_pods[stage] = pod

    def _finish(self, state: str) -> None:
        self._end("root", state)
        self._end(self.workflow, state)
        self.become(state)

    def _end_stage(self, stage: str, fate: Fate) -> None:
        state = "SUCCEEDED" if fate.code == 0 else "FAILED"
        if fate.cached:
            self._end(stage, state, self._node())
            # Nothing ran: it ended as it began.
            self.tasks[stage]["end_time"] = self.tasks[stage]["start_time"]
            return
        attempts = (*fate.earlier, fate)
        pods = [self._node() for _ in attempts]
        pods[0] = self.first_pods.get(stage, pods[0])
        for number, attempt in enumerate(attempts):
            if attempt.log_kept:
                self.logs[pods[number]] = self._log(stage, attempt, number)
        if not fate.earlier and not self.policy:
            # Nothing may be tried again: the executor is the pod, and hangs below its stage.
            self._end(f"{stage}/executor", state)
            self._end(stage, state, *pods)
            return
        self._end(stage, state, self._node())
        self._end(f"{stage}/executor", state, *sorted(pods, reverse=True))
        for number in range(len(attempts)):
            if f"{stage}/executor({number})" not in self.tasks:
                self._begin(f"{stage}/executor({number})", "PENDING", name=f"executor({number})")
            self._end(f"{stage}/executor({number})", state if number == len(attempts) - 1 else "FAILED")

    def _log(self, stage: str, fate: Fate, attempt: int) -> str:
        moment = self.created + timedelta(seconds=self.step * _SECONDS_OF_A_STEP + attempt)
        at, day = f"{moment:%H:%M:%S}", f"{moment:%m%d}"
        artifact = f"/minio/mlpipeline/v2/artifacts/{self.workflow}/{self.id}/{stage}/{uuid.uuid4()}/executor-logs"
        lines = [f"I{day} {at}.754372      16 main.go:67] Setting log level to: '1'", *fate.lines]
        if fate.code is None:
            return "\n".join(lines) + "\n"
        if fate.code:
            lines.append(
                f"E{day} {at}.809488      16 launcher_v2.go:449] Component failed to execute successfully: "
                f"exit status {fate.code}"
            )
        lines.append(f'I{day} {at}.819843      16 object_store.go:231] uploadFile(localFilePath="{artifact}")')
        if fate.code:
            lines.append(f"F{day} {at}.842015      16 main.go:59] failed to execute component: exit status {fate.code}")
        return "\n".join(lines) + "\n"

    def _node(self) -> str:
        return f"{self.workflow}-{next(_NUMBERS)}"

    def _fate(self, stage: str) -> Fate:
        return self.fates.get(stage, Fate())


def waves(tasks: dict[str, Any]) -> Iterator[list[str]]:
    """The tasks of a DAG: those that wait for nothing, those that wait for these, and so on."""
    done: set[str] = set()
    while len(done) < len(tasks):
        ready = [key for key in tasks if key not in done and set(tasks[key].get("dependentTasks", ())) <= done]
        yield ready
        done.update(ready)
