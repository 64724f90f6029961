"""Container entry point of the prepare stage."""

import dataclasses
import os
import sys
from datetime import UTC, datetime

from netanomaly import stage_io
from netanomaly.errors import ConfigError


def main(argv: list[str]) -> None:
    with stage_io.stage(argv) as stage:
        from netanomaly.feedback import confirmed
        from netanomaly.flows import sources
        from netanomaly.registry import open_registry
        from netanomaly.stages.prepare.program import Champion, Overrides, prepare

        def champion_of(uri: str, model: str) -> Champion | None:
            registry = open_registry(stage_io.in_a_bucket(uri, "registry"))
            version = registry.champion(model)
            if version is None:
                return None
            metadata = registry.version(f"{model}:{version}").record.metadata
            training, configuration = metadata.get("training"), metadata.get("configuration")
            features = training.get("features") if isinstance(training, dict) else None
            return Champion(
                version,
                [str(name) for name in features] if isinstance(features, list) else [],
                configuration if isinstance(configuration, dict) else {},
            )

        document = stage.parameter("configuration")
        if not isinstance(document, dict):
            raise ConfigError("the configuration is not a JSON object: {...}")
        overrides = {field.name: stage.parameter(field.name) for field in dataclasses.fields(Overrides)}
        prepared = prepare(
            document,
            Overrides(**overrides),
            run_id=stage.parameter("job_id"),
            identity_of=lambda source: sources.resolve(
                [stage_io.in_a_bucket(uri, "data source") for uri in source]
            ).identity(),
            champion_of=champion_of,
            now=datetime.now(UTC),
            environment=os.environ,
            confirmed_of=lambda uri, model: confirmed.confirmed_of(stage_io.in_a_bucket(uri, "feedback"), model),
        )
        stage.write_json("resolved_configuration", prepared.configuration)
        champion = prepared.configuration["champion"]
        stage.describe(
            "resolved_configuration",
            {"run_id": prepared.configuration["run_id"], "champion": "none" if champion is None else champion},
        )
        for name in stage.output_parameters:
            value = getattr(prepared, name)
            if value is None:
                value = {}
            stage.set_output_parameter(name, value if isinstance(value, str | dict) else dataclasses.asdict(value))


if __name__ == "__main__":
    main(sys.argv[1:])
