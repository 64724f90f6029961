"""Container entry point of the capture stage."""

import sys
from importlib import import_module

from netanomaly import absent, stage_io


def ahead() -> None:
    """Import what the work needs, for a runner that starts this while the stages before it still run."""
    absent.do_without("pandas")
    import_module("netanomaly.stages.capture.program")


def main(argv: list[str]) -> None:
    with stage_io.stage(argv) as stage:
        import pyarrow as pa

        from netanomaly.stages.capture.program import capture
        from netanomaly.stages.capture.settings import Settings, of_configuration, refuse_kept

        if stage.parameter("settings"):
            settings = stage.settings(Settings)
        else:
            settings = of_configuration(stage.parameter("configuration"), stage.parameter("data_source"))
        refuse_kept(settings)
        for uri in settings.source:
            stage_io.in_a_bucket(uri, "data source")
        path = stage.output("flows")
        # Beside the output: a container's /tmp is memory.
        with pa.CompressedOutputStream(str(path), "zstd") as out:
            report = capture(settings, out, path.parent)
        stage.write_json("capture_report", report)
        stage.describe("flows", {"identity": report["identity"], "kind": report["kind"], "format": "json lines, zstd"})
        stage.describe("capture_report", {name: report[name] for name in ("tool", "version")})


if __name__ == "__main__":
    absent.do_without("pandas")
    main(sys.argv[1:])
