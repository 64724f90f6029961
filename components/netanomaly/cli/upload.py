"""`netanomaly upload`: a pipeline on a server, as a version that its content names."""

from netanomaly import images, output
from netanomaly.cli import cluster_words as words
from netanomaly.cli.pipelines import Name, PipelineOption


def upload(
    pipeline: PipelineOption = Name.training,
    host: words.HostOption = "",
    namespace: words.NamespaceOption = "",
    image_prefix: words.ImagePrefixOption = images.DEFAULT_PREFIX,
    cache: words.CacheOption = True,
    token_file: words.TokenFileOption = None,
    ca_file: words.CaFileOption = None,
    timeout_seconds: words.TimeoutOption = 60,
    as_json: words.JsonOption = False,
) -> None:
    """Upload a pipeline to a Kubeflow Pipelines server, unless this very content is there.

    Example: netanomaly upload --host http://localhost:8080
    """
    from netanomaly.cluster import pipelines

    compiled = words.package(image_prefix, cache=cache, pipeline=pipeline)
    connection = words.connect(host, namespace, token_file, ca_file, timeout_seconds)
    version = pipelines.upload(connection.server, compiled, connection.namespace)
    page = connection.version_page(version.pipeline_id, version.version_id)
    if as_json:
        words.show_json(
            {
                "state": "uploaded" if version.created else "unchanged",
                "pipeline": compiled.name,
                "pipeline_id": version.pipeline_id,
                "pipeline_version": version.name,
                "pipeline_version_id": version.version_id,
                "url": page,
            }
        )
        return
    output.say(f"{compiled.name} {version.name} {'uploaded' if version.created else 'is there already'}: {page}")
