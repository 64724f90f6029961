"""Container entry point of the prepare stage."""

import dataclasses
import sys
from datetime import UTC, datetime

from netanomaly import stage_io
from netanomaly.errors import ConfigError


def main(argv: list[str]) -> None:
    with stage_io.stage(argv) as stage:
        from netanomaly.flows import sources
        from netanomaly.registry import open_registry
        from netanomaly.stages.prepare.program import Overrides, prepare, resolved_configuration

        document = stage.parameter("configuration")
        if not isinstance(document, dict):
            raise ConfigError("the configuration is not a JSON object: {...}")
        prepared = prepare(
            document,
            Overrides(
                data_source=stage.parameter("data_source"),
                evaluation_data_source=stage.parameter("evaluation_data_source"),
                model_name=stage.parameter("model_name_override"),
                model_version=stage.parameter("model_version"),
                registry=stage.parameter("registry_uri"),
            ),
            run_id=stage.parameter("job_id"),
            identity_of=lambda source: sources.resolve(source).identity(),
            champion_of=lambda registry, model: open_registry(registry).champion(model),
        )
        stage.write_json("resolved_configuration", resolved_configuration(prepared, datetime.now(UTC)))
        for name in stage.output_parameters:
            stage.set_output_parameter(name, dataclasses.asdict(prepared)[name])
        stage.describe("resolved_configuration", {"run_id": prepared.run_id, "champion": prepared.champion or "none"})


if __name__ == "__main__":
    main(sys.argv[1:])
