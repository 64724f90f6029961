"""Container entry point of the deploy stage."""

import dataclasses
import sys

from netanomaly import output, stage_io
from netanomaly.errors import NetanomalyError


def main(argv: list[str]) -> None:
    with stage_io.stage(argv) as stage:
        from netanomaly.kube import access
        from netanomaly.registry import open_registry
        from netanomaly.registry.changes import CHAMPION
        from netanomaly.stages.deploy.program import Cluster, deploy, deployable
        from netanomaly.stages.deploy.settings import Settings

        settings = stage.settings(Settings)
        registration = stage.input_json("registration")
        reference = f"{settings.model_name}:{registration['version']}"
        if CHAMPION not in registration["aliases"]:
            reason = f"{reference} did not become champion, so what is served stays"
            output.tell(reason)
            stage.write_json("deployment", {"deployed": False, "reference": reference, "reason": reason})
            stage.describe("deployment", {"deployed": 0, "reason": reason})
            return
        try:
            registry = open_registry(stage_io.in_a_bucket(settings.registry, "registry"))
            # On a person's machine, as with `netanomaly run`, it is the cluster of that person.
            inside = access.in_a_pod() or not stage_io.is_local()
            api = access.of_the_pod() if inside else access.of_a_person()
            cluster = Cluster(api, inside=inside, say=output.tell)
            done = deploy(deployable(registry, registry.version(reference)), settings, cluster)
        except NetanomalyError as error:
            error.args = (
                f"{error}; {reference} stays registered, and champion: netanomaly deploy {reference} --namespace "
                f"{settings.namespace} tries again, netanomaly registry rollback {settings.model_name} takes it back",
            )
            raise
        stage.write_json("deployment", {"deployed": True, **dataclasses.asdict(done)})
        stage.describe("deployment", {"deployed": 1, "reference": done.reference, "address": done.address})


if __name__ == "__main__":
    main(sys.argv[1:])
