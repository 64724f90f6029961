"""Entry point of the serve image: the arguments that KServe gives, and ours."""

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

from netanomaly.absent import do_without
from netanomaly.errors import ConfigError
from netanomaly.late_import import put_off_scipy_stats
from netanomaly.serving.ending import exit_code
from netanomaly.serving.options import Limits, Options


def main(argv: Sequence[str]) -> int:
    """Serve; the exit code."""
    arguments = _parser().parse_args(argv)
    return exit_code(lambda: _serve(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m netanomaly.serving",
        description="Serve a registered model by the Open Inference Protocol, version 2.",
        epilog="exit codes: 0 ended by SIGTERM, 1 defect, 2 the input is wrong, 3 an outside failure",
    )
    parser.add_argument(
        "--model", default="", metavar="REFERENCE", help="office, office@alias or office:3 of a registry"
    )
    parser.add_argument("--registry", default="", metavar="URI", help="file:///folder or s3://bucket/prefix")
    parser.add_argument("--model_dir", type=Path, metavar="FOLDER", help="a folder that carries one version")
    parser.add_argument("--model_name", default="", help="what it is called in addresses; default: as in the registry")
    parser.add_argument("--pin", action="store_true", help="stay with the version that the reference means now")
    parser.add_argument(
        "--shadow", default="", metavar="REFERENCE", help="score beside, report agreement, never answer"
    )
    parser.add_argument("--http_port", type=int, default=8080)
    parser.add_argument("--host", default="0.0.0.0", help="where to listen")  # noqa: S104 - in a container
    parser.add_argument("--token_file", type=Path, help="a file with the bearer token; else NETANOMALY_SERVE_TOKEN")
    parser.add_argument("--tls_cert", type=Path)
    parser.add_argument("--tls_key", type=Path)
    parser.add_argument("--look_seconds", type=float, default=Options.look_seconds)
    parser.add_argument("--linger_seconds", type=float, default=Options.linger_seconds)
    parser.add_argument("--drain_seconds", type=float, default=Options.drain_seconds)
    parser.add_argument("--no_access_log", action="store_true")
    parser.add_argument(
        "--score_log", default="", metavar="URI", help="keep scored rows in a folder or s3://bucket/prefix"
    )
    parser.add_argument(
        "--score_share", type=float, default=Options.score_share, help="the share of the rows kept there"
    )
    for each in dataclasses.fields(Limits):
        kind = float if each.type is float or each.type == "float" else int
        parser.add_argument(f"--{each.name}", type=kind, default=each.default, help="see docs/serving.md, Limits")
    return parser


def _serve(arguments: argparse.Namespace) -> None:
    if bool(arguments.model_dir) == bool(arguments.model):
        raise ConfigError("name what to serve: --model_dir FOLDER, or --model REFERENCE with --registry URI")
    if (arguments.model or arguments.shadow) and not arguments.registry:
        raise ConfigError("--model and --shadow are models of a registry; name that by --registry URI")
    do_without("pandas")
    put_off_scipy_stats()
    from netanomaly.serving.models import of_folder, of_registry
    from netanomaly.serving.server import serve, token_of

    options = Options(
        host=arguments.host,
        port=arguments.http_port,
        look_seconds=arguments.look_seconds,
        token=token_of(arguments.token_file),
        certificate=arguments.tls_cert,
        key=arguments.tls_key,
        linger_seconds=arguments.linger_seconds,
        drain_seconds=arguments.drain_seconds,
        access_log=not arguments.no_access_log,
        score_log=arguments.score_log,
        score_share=arguments.score_share,
        limits=Limits(**{each.name: getattr(arguments, each.name) for each in dataclasses.fields(Limits)}),
    )
    if arguments.model_dir:
        models = of_folder(arguments.model_dir, arguments.model_name)
    else:
        models = of_registry(arguments.registry, arguments.model, arguments.model_name, pin=arguments.pin)
    shadow = of_registry(arguments.registry, arguments.shadow) if arguments.shadow else None
    serve(models, options, shadow)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
