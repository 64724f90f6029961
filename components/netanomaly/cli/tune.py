"""`netanomaly tune`: search for the hyper-parameters that a configuration's detector is best trained with."""

from pathlib import Path
from typing import Annotated

import typer

from netanomaly import images
from netanomaly.cli import run as running
from netanomaly.cli.configuration_words import NoIdentitiesOption, SetOption
from netanomaly.cli.pipelines import Name


def tune(
    configuration: Annotated[Path, typer.Argument(metavar="CONFIG", help="A training configuration, a JSON file.")],
    trials: Annotated[
        int | None, typer.Option(help="Candidates to try, at most 64; default: the configuration's, else 32.")
    ] = None,
    minutes: Annotated[float | None, typer.Option(help="No trial begins after so many; default: no limit.")] = None,
    parallelism: Annotated[int | None, typer.Option(help="Trials at a time; the result is the same.")] = None,
    workdir: Annotated[
        Path | None, typer.Option(help="Folder for runs; default: output_base_dir of the configuration, else runs.")
    ] = None,
    assignments: SetOption = None,
    no_identities: NoIdentitiesOption = False,
    runner: Annotated[
        running.Runner, typer.Option(help="host: each stage a process of this machine; docker: each in its image.")
    ] = running.Runner.host,
    image_prefix: Annotated[
        str, typer.Option(envvar="NETANOMALY_IMAGE_PREFIX", help="Registry and repository of the stage images.")
    ] = images.DEFAULT_PREFIX,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the containers, those of crashed runs too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")] = False,
) -> None:
    """Search for hyper-parameters on this machine, judged on attacks held out from the search.

    The defaults stay unless they are beaten beyond the interval on every fold. Nothing is registered: what was found is
    shown, to be put into the configuration.

    Example: netanomaly tune configs/nsl-kdd.json --trials 32
    """
    given = {"trials": trials, "minutes": minutes, "parallelism": parallelism}
    further = [f"tuning.{name}={value}" for name, value in given.items() if value is not None]
    running.run(
        configuration,
        pipeline=Name.tuning,
        workdir=workdir,
        assignments=[*(assignments or []), *further],
        no_identities=no_identities,
        runner=runner,
        image_prefix=image_prefix,
        keep=keep,
        as_json=as_json,
    )
