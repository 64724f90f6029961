"""`netanomaly compile`: the pipelines as the YAML that Kubeflow Pipelines takes."""

from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from netanomaly import images, output
from netanomaly.cli.pipelines import Name


def compiled_file(pipeline: str = "training") -> Path:
    """The compiled pipeline that this version of the package was built and tested with, YAML."""
    return Path(str(files("netanomaly.compiled").joinpath(f"{pipeline}.yaml")))


def compile_pipeline(
    out: Annotated[Path, typer.Option(help="Folder for the YAML.")] = Path("build"),
    image_prefix: Annotated[
        str, typer.Option(envvar="NETANOMALY_IMAGE_PREFIX", help="Registry and repository of the stage images.")
    ] = images.DEFAULT_PREFIX,
) -> None:
    """Write the pipelines as YAML: upload them in the Kubeflow UI, or submit them with kfp.

    Example: netanomaly compile --out build
    """
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for pipeline in Name:
        text = images.resolved(compiled_file(pipeline).read_text(encoding="utf-8"), image_prefix)
        path = out / f"{pipeline}.yaml"
        path.write_text(text, encoding="utf-8")
        written.append(str(path))
    if warning := images.unpushed(image_prefix):
        output.tell(f"warning: {warning}")
    output.say_each(written)
