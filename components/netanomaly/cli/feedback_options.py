"""Options that commands about feedback share."""

from pathlib import Path
from typing import Annotated

import typer

FeedbackOption = Annotated[
    str,
    typer.Option(
        "--feedback",
        envvar="NETANOMALY_FEEDBACK",
        help="Where feedback is kept: a folder or s3://bucket/prefix. Default: the folder feedback of the registry.",
    ),
]
AlertsOption = Annotated[
    Path,
    typer.Option("--alerts", help="A folder of results of netanomaly score, with those below it, or an alerts.ndjson."),
]
ByOption = Annotated[str, typer.Option("--by", help="Who says so. Default: the user of this process.")]
