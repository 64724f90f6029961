"""KFP's placeholders `{{$...}}`: which are known where, and what they stand for.

As on the back end: those that name the run resolve only as the whole value of a task's input; those that name
inputs and outputs resolve in a command after its first word. A text is read once, so a value that itself holds
a placeholder arrives as it is. Anything else is refused before the run: on a cluster it would arrive as
literal text, or fail the task there.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from netanomaly.errors import InputError
from netanomaly.runners.spec import Interface
from netanomaly.runners.values import as_text

EXECUTOR_INPUT = "{{$}}"

_ANY = re.compile(r"\{\{\$.*?\}\}", re.DOTALL)
_INPUT_PARAMETER = re.compile(r"\{\{\$\.inputs\.parameters\['(?P<name>[^']+)'\]\}\}")
_NAMED = re.compile(
    r"\{\{\$\.(?:(?P<direction>inputs|outputs)\.(?P<kind>parameters|artifacts)\['(?P<name>[^']+)'\](?:\.(?P<part>\w+))?)\}\}"
)
_STRUCTURED = ('{"Concat":', '{"IfPresent":')

# As `kfp.dsl` names them: PIPELINE_JOB_ID_PLACEHOLDER and so on.
_RUN_ID = "{{$.pipeline_job_uuid}}"
_RUN_NAME = "{{$.pipeline_job_name}}"
_RESOURCE_NAME = "{{$.pipeline_job_resource_name}}"
_CREATED = "{{$.pipeline_job_create_time_utc}}"
_SCHEDULED = "{{$.pipeline_job_schedule_time_utc}}"
_TASK_NAME = "{{$.pipeline_task_name}}"
_OF_THE_RUN = (_RUN_ID, _RUN_NAME, _RESOURCE_NAME, _CREATED, _SCHEDULED, _TASK_NAME)

_KNOWN_REFUSALS = {
    "{{$.outputs.output_file}}": "the back end does not resolve it; parse {{$}} in the program instead",
    "{{$.pipeline_task_uuid}}": "on the back end all tasks of a DAG have the same; use the run id",
    "{{$.workspace_path}}": "the local runner has no workspace",
    "{{$.pipeline_root}}": "artefacts have their own URIs; use those",
}


@dataclass(frozen=True)
class RunNames:
    """What a run is called. `created` is the creation time, RFC 3339, UTC."""

    id: str
    name: str
    resource_name: str
    created: str


def check_constant(text: str, where: str) -> None:
    """Refuse a text input whose placeholders would not resolve.

    Raises:
        InputError: Names the placeholder and why.
    """
    for found in _ANY.findall(text):
        if _INPUT_PARAMETER.fullmatch(found) or (found in _OF_THE_RUN and text == found):
            continue
        if found in _OF_THE_RUN:
            raise InputError(
                f"{where} has {found} inside a longer text; KFP resolves it only as the whole value of an input"
            )
        _refuse(found, where)


def check_command(command: tuple[str, ...], args: tuple[str, ...], interface: Interface, where: str) -> None:
    """Refuse a command whose placeholders would not resolve, or name what the component does not declare.

    Raises:
        InputError: Names the placeholder and why.
    """
    if _ANY.search(command[0]):
        raise InputError(f"{where} starts with {command[0]!r}; KFP resolves placeholders only after the first word")
    declared: dict[tuple[str, str], tuple[Mapping[str, Any], tuple[str | None, ...]]] = {
        ("inputs", "parameters"): (interface.input_parameters, (None,)),
        ("inputs", "artifacts"): (interface.input_artifacts, ("path", "uri")),
        ("outputs", "parameters"): (interface.output_parameters, ("output_file",)),
        ("outputs", "artifacts"): (interface.output_artifacts, ("path", "uri")),
    }
    for word in (*command[1:], *args):
        if word.startswith(_STRUCTURED):
            raise InputError(f"{where} has {word!r}; the local runner knows neither Concat nor IfPresent")
        for found in _ANY.findall(word):
            if found == EXECUTOR_INPUT:
                continue
            match = _NAMED.fullmatch(found)
            if match is None:
                _refuse(found, where)
                return
            names, parts = declared[match["direction"], match["kind"]]
            if match["name"] not in names or match["part"] not in parts:
                _refuse(found, where)


def named_inputs(text: str) -> list[str]:
    """The input parameters that a constant names."""
    return [match["name"] for match in _INPUT_PARAMETER.finditer(text)]


def resolve_constant(text: str, run: RunNames, task: str, inputs: Mapping[str, Any]) -> Any:
    """A text input with its placeholders resolved; `inputs` are the task's other parameters.

    An input that stands alone keeps its type.
    """
    of_the_run = {
        _RUN_ID: run.id,
        _RUN_NAME: run.name,
        _RESOURCE_NAME: run.resource_name,
        _CREATED: run.created,
        _SCHEDULED: run.created,
        _TASK_NAME: task,
    }
    if text in of_the_run:
        return of_the_run[text]
    alone = _INPUT_PARAMETER.fullmatch(text)
    if alone:
        return _input(inputs, alone["name"])
    return _INPUT_PARAMETER.sub(lambda match: as_text(_input(inputs, match["name"])), text)


def resolve_word(word: str, executor_input: Mapping[str, Any], text: str) -> str:
    """One word of a command, resolved; `text` is the executor input as JSON."""
    return _ANY.sub(lambda match: _resolve(match[0], executor_input, text), word)


def _resolve(placeholder: str, executor_input: Mapping[str, Any], text: str) -> str:
    if placeholder == EXECUTOR_INPUT:
        return text
    match = _NAMED.fullmatch(placeholder)
    if match is None:
        raise InputError(f"placeholder {placeholder} is unknown")
    direction, kind, name = executor_input[match["direction"]], match["kind"], match["name"]
    if kind == "artifacts":
        found = direction.get("artifacts", {}).get(name)
        if found is None:
            raise InputError(f"the command uses {placeholder}, but {name!r} was not given to this task")
        # The URI of a local artefact is its path.
        return str(found["artifacts"][0]["uri"])
    if match["direction"] == "outputs":
        return str(direction["parameters"][name]["outputFile"])
    return as_text(_input(direction.get("parameterValues", {}), name))


def _input(inputs: Mapping[str, Any], name: str) -> Any:
    if name not in inputs:
        raise InputError(f"input parameter {name!r} is used by this task but was not given; pass it explicitly")
    return inputs[name]


def _refuse(placeholder: str, where: str) -> None:
    reason = _KNOWN_REFUSALS.get(placeholder, "KFP would not resolve it there")
    raise InputError(f"{where} has the placeholder {placeholder}: {reason}")
