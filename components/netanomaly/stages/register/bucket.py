"""Make the bucket of a registry ready: `python3 -m netanomaly.stages.register.bucket s3://bucket/prefix`; can be repeated.

The set-up job of manifests/base runs it in this stage's image; the server and credentials come from the environment.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from minio import Minio
from minio.commonconfig import ENABLED, Filter
from minio.error import S3Error
from minio.lifecycleconfig import AbortIncompleteMultipartUpload, LifecycleConfig, Rule

from netanomaly import output
from netanomaly.errors import NetanomalyError
from netanomaly.registry.location import locate
from netanomaly.s3 import answers
from netanomaly.s3 import client as s3

_OURS = ("BucketAlreadyOwnedByYou", "BucketAlreadyExists")


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python3 -m netanomaly.stages.register.bucket", description=__doc__)
    parser.add_argument("registry", metavar="s3://BUCKET/PREFIX", help="URI of the registry")
    uri = parser.parse_args(argv).registry
    try:
        for done in make_ready(uri):
            output.say(done)
    except NetanomalyError as error:
        output.tell(f"error: {error}")
        raise SystemExit(error.exit_code) from None


def make_ready(uri: str) -> Iterator[str]:
    """Make the bucket where it is absent, and probe the server; yields what was done, a line each.

    A bucket that is there already keeps its lifecycle rules; one made here aborts incomplete uploads after a day.

    Raises:
        InputError: The URI is wrong, the server refuses, or it cannot keep a registry.
        OutsideError: It does not answer.
    """
    bucket = s3.place(uri).bucket
    client = s3.connect(s3.Timeouts.from_environment())
    with _in_words(uri, "read"):
        exists = client.bucket_exists(bucket)
    if exists:
        yield f"bucket {bucket}: is there"
    else:
        with _in_words(uri, "write"):
            made = _make(client, bucket)
        yield f"bucket {bucket}: {'made' if made else 'is there'}"
    # Asking for the store to write to probes the server.
    store = locate(uri).write
    yield f"{s3.endpoint()}: fit for a registry at {store.uri}"


def _make(client: Minio, bucket: str) -> bool:
    """Whether this call made it, and no other at the same time."""
    try:
        client.make_bucket(bucket)
    except S3Error as error:
        if error.code in _OURS:
            return False
        raise
    uploads = Rule(
        status=ENABLED,
        rule_id="abort-incomplete-uploads",
        rule_filter=Filter(prefix=""),
        abort_incomplete_multipart_upload=AbortIncompleteMultipartUpload(days_after_initiation=1),
    )
    try:
        client.set_bucket_lifecycle(bucket, LifecycleConfig([uploads]))
    except S3Error as error:
        # Not every server has lifecycle rules; a killed upload then leaves its parts.
        output.say(f"note: {bucket} has no lifecycle rule: {error.code}")
    return True


@contextmanager
def _in_words(uri: str, action: str) -> Iterator[None]:
    try:
        yield
    except answers.CAUGHT as error:
        raise answers.in_words(error, uri, s3.endpoint(), "", action) from None


if __name__ == "__main__":
    main(sys.argv[1:])
