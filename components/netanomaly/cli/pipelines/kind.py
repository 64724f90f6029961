"""What `run`, `submit` and `schedule` ask of a pipeline."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from netanomaly.errors import InputError

if TYPE_CHECKING:
    from netanomaly.runners import RunResult


@dataclass(frozen=True)
class Wanted:
    """What a configuration says of itself.

    Attributes:
        model_name: The model that it is about.
        label: What sets its runs apart from others of the model: the version, or the pipeline's name.
        registry: URI of the registry; empty where none is named.
        workdir: Folder for local runs; None where none is named.
        model_version: The user's name for the version that it makes; None where it makes none.
    """

    model_name: str
    label: str
    registry: str
    workdir: str | None
    model_version: str | None = None


class Kind(Protocol):
    """One pipeline.

    Attributes:
        name: As `--pipeline` takes it, and as its compiled file is called.
        sources: The configuration's fields that name data to be read.
        destinations: Those that name folders or prefixes that its stages write to, beside their artefacts.
        kept: Artefacts that people look for, by task and name, and what they are called at the top of a run's folder.
        pages: Those of them that a person opens: field of the summary, and file.
        telling: The stages whose log says what came of a run; the first that says anything is believed.
        beside: Stages whose words are added to that.
    """

    @property
    def name(self) -> str: ...

    @property
    def sources(self) -> tuple[str, ...]: ...

    @property
    def destinations(self) -> tuple[str, ...]: ...

    @property
    def kept(self) -> Mapping[tuple[str, str], str]: ...

    @property
    def pages(self) -> Mapping[str, str]: ...

    @property
    def telling(self) -> tuple[str, ...]: ...

    @property
    def beside(self) -> tuple[str, ...]: ...

    def read(self, document: Mapping[str, Any]) -> Wanted:
        """What a configuration says, each field checked by itself.

        Raises:
            ConfigError: A field is wrong.
        """

    def check(self, document: Mapping[str, Any]) -> Wanted:
        """The same, checked as its first stage will, so that no pod starts for nothing.

        Raises:
            ConfigError: A field is wrong, by itself or against the others.
        """

    def of_run(self, result: "RunResult") -> dict[str, Any]:
        """What a local run came to: the summary's own fields of this pipeline."""

    def of_log(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """The same, of what a stage said in its log; of an empty document, as before anything is known."""

    def lines(self, summary: Mapping[str, Any]) -> list[str]:
        """What a run came to, for the terminal; of one that failed, before the error."""


def document(result: "RunResult", task: str, artefact: str) -> dict[str, Any] | None:
    """What a stage of a local run wrote; None where it did not get so far."""
    with suppress(InputError):
        found = json.loads(result.output(task, artefact).path.read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else None
    return None


def written(result: "RunResult", task: str, artefact: str) -> Path:
    """Where a stage of a local run wrote an artefact, or would have: one that a gate ended has written what it refuses."""
    from netanomaly.runners.run_folder import RunFolder

    return RunFolder(result.run_dir).output(task, artefact)
