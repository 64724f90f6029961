"""`netanomaly images`: each stage and the reference of its image."""

from typing import Annotated

import typer

from netanomaly import images, output


def show(
    image_prefix: Annotated[
        str, typer.Option(envvar="NETANOMALY_IMAGE_PREFIX", help="Registry and repository of the stage images.")
    ] = images.DEFAULT_PREFIX,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")] = False,
) -> None:
    """Print each stage and its image; the tag is the version and a digest of what goes into the image.

    Example: netanomaly images --image-prefix registry.example.org/team
    """
    references = {stage: images.reference(stage, image_prefix) for stage in images.IMAGES}
    if as_json:
        output.say_json(references)
        return
    for stage, reference in references.items():
        output.say(f"{stage:<10}{reference}")
