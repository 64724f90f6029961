"""`netanomaly serve`: a registered model behind an HTTP address."""

from pathlib import Path
from typing import Annotated

import typer

from netanomaly.cli.registry_words import DEFAULT, RegistryOption


def serve(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="office (its champion), office@alias or office:3, as in the registry; or ./folder, as registry download "
            "makes it.",
        ),
    ],
    registry: RegistryOption = DEFAULT,
    host: Annotated[str, typer.Option(help="Where to listen; 0.0.0.0 for everybody.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0: any that is free.")] = 8080,
    name: Annotated[str, typer.Option(help="What it is called in addresses; default: as in the registry.")] = "",
    pin: Annotated[
        bool, typer.Option("--pin", help="Stay with the version that MODEL means now; default: follow the registry.")
    ] = False,
    look_seconds: Annotated[float, typer.Option(help="Between two looks whether MODEL means another version.")] = 30.0,
    shadow: Annotated[
        str, typer.Option(metavar="MODEL", help="Scored beside, for /metrics to tell how far it agrees; never answers.")
    ] = "",
    token_file: Annotated[
        Path | None,
        typer.Option(help="A file with the bearer token that requests have to show; else NETANOMALY_SERVE_TOKEN."),
    ] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate chain, PEM.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its private key, PEM.")] = None,
    score_log: Annotated[
        str,
        typer.Option(metavar="URI", help="Keep scored rows, without identities, in a folder or s3://bucket/prefix."),
    ] = "",
    score_share: Annotated[float, typer.Option(help="The share of the rows that are kept there.")] = 0.01,
    access_log: Annotated[bool, typer.Option(help="A line of JSON on standard output for each request.")] = True,
    rows: Annotated[int, typer.Option(help="Of one request, at most.")] = 50_000,
    body_bytes: Annotated[int, typer.Option(help="Of one request, at most.")] = 32 << 20,
    requests: Annotated[int, typer.Option(help="Answered at once, at most; more are told to come again.")] = 64,
    threads: Annotated[int, typer.Option(help="That score.")] = 2,
) -> None:
    """Serve a model by the Open Inference Protocol, version 2: http://HOST:PORT/v2/models/NAME/infer.

    Example: netanomaly serve office@champion --port 8080
    """
    from netanomaly.serving.models import of_folder, of_registry
    from netanomaly.serving.options import Limits, Options
    from netanomaly.serving.server import serve as run
    from netanomaly.serving.server import token_of

    options = Options(
        host=host,
        port=port,
        look_seconds=look_seconds,
        token=token_of(token_file),
        certificate=tls_cert,
        key=tls_key,
        linger_seconds=0.0,
        access_log=access_log,
        score_log=score_log,
        score_share=score_share,
        limits=Limits(rows=rows, body_bytes=body_bytes, held_bytes=2 * body_bytes, requests=requests, threads=threads),
    )
    if "/" in model or model == ".":
        models = of_folder(Path(model), name)
    else:
        models = of_registry(registry, model, name, pin=pin)
    run(models, options, of_registry(registry, shadow) if shadow else None)
