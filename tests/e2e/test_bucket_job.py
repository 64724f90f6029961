"""The bucket job of the manifests, in its real image and as locked down as in a cluster, against a real S3 server."""

import yaml
from netanomaly import images

from tests.command import ROOT
from tests.store import servers


def test_the_job_makes_the_bucket_and_again_finds_it(client, tmp_path):
    _, job = yaml.safe_load_all((ROOT / "manifests/base/bucket-job.yaml").read_text())
    (container,) = job["spec"]["template"]["spec"]["containers"]
    first, *rest = container["command"]
    said = []
    with servers.running("ministack", tmp_path) as server:
        given = {each["name"] for each in container["env"]} | {"S3_ENDPOINT_URL", "AWS_REGION"}
        for _ in range(2):
            said += (
                client.containers.run(
                    images.reference("register"),
                    [*rest, *container["args"]],
                    entrypoint=[first],
                    environment={name: value for name, value in server.environment.items() if name in given},
                    mem_limit=container["resources"]["limits"]["memory"].removesuffix("i"),
                    network_mode="host",
                    read_only=container["securityContext"]["readOnlyRootFilesystem"],
                    cap_drop=container["securityContext"]["capabilities"]["drop"],
                    security_opt=["no-new-privileges"],
                    tmpfs={"/tmp": "rw,mode=1777"},  # noqa: S108 - the container's own
                    remove=True,
                    stderr=True,
                )
                .decode()
                .splitlines()
            )
    assert [line for line in said if "bucket" in line] == ["bucket netanomaly: made", "bucket netanomaly: is there"]
    assert sum("fit for a registry at s3://netanomaly/registry" in line for line in said) == 2
