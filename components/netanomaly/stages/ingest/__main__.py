"""Container entry point of the ingest stage."""

import sys
from importlib import import_module

from netanomaly import absent, stage_io


def ahead() -> None:
    """Import what the work needs, for a runner that starts this while the stages before it still run."""
    absent.do_without("pandas")
    for module in ("netanomaly.stages.ingest.program",):
        import_module(module)


def main(argv: list[str]) -> None:
    with stage_io.stage(argv) as stage:
        from netanomaly.flows.captured import Captured
        from netanomaly.flows.contract import Contract
        from netanomaly.stages.ingest.program import ParquetSink, ingest
        from netanomaly.stages.ingest.settings import Settings

        def open_sink(contract: Contract) -> ParquetSink:
            return ParquetSink(stage.output("flows"), contract)

        settings = stage.settings(Settings)
        for uri in settings.source:
            stage_io.in_a_bucket(uri, "data source")
        if settings.leave_out is not None:
            stage_io.in_a_bucket(settings.leave_out, "leave_out")
        report = ingest(settings, open_sink, stage.progress, stage.output("flows").parent, Captured.of_stage(stage))
        stage.write_json("ingest_report", report)
        stage.describe("flows", {"rows": report["rows"], "identity": report["identity"], "format": "parquet"})
        stage.describe("ingest_report", {"rows_read": report["rows_read"], "rows": report["rows"]})


if __name__ == "__main__":
    absent.do_without("pandas")
    main(sys.argv[1:])
