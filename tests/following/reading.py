"""What a follower wrote, read without its code."""

import hashlib
import io
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tests.store import servers
from tests.store.checker import BucketObjects, FolderObjects, Objects


@dataclass(frozen=True)
class Outputs:
    uri: str
    objects: Objects
    server: servers.Server | None = None

    @classmethod
    def in_a_folder(cls, folder: Path) -> "Outputs":
        return cls(str(folder), FolderObjects(folder))

    @classmethod
    def in_a_bucket(cls, server: servers.Server, prefix: str) -> "Outputs":
        objects = BucketObjects(servers.client(server), servers.BUCKET, prefix)
        return cls(f"s3://{servers.BUCKET}/{prefix}", objects, server)

    def rows(self) -> list[dict[str, Any]]:
        """Rows of all published scores, in order of their commits."""
        found = self.objects.all()
        return [
            row
            for key in sorted(found)
            if key.startswith("scores/")
            for row in pq.read_table(io.BytesIO(found[key])).to_pylist()
        ]

    def uids(self) -> Counter[str]:
        return Counter(row["uid"] for row in self.rows())

    def alerts(self) -> list[dict[str, Any]]:
        found = self.objects.all()
        return [
            json.loads(line)
            for key in sorted(found)
            if key.startswith("alerts/")
            for line in found[key].decode().splitlines()
        ]

    def summaries(self) -> list[dict[str, Any]]:
        found = self.objects.all()
        return [json.loads(found[key]) for key in sorted(found) if key.startswith("summaries/")]

    def checkpoint(self) -> dict[str, Any]:
        return json.loads(self.objects.all()["checkpoint.json"])

    def check_seen(self) -> None:
        """At any moment: what is seen was committed, and those of the last commit are the bytes that were."""
        found = self.objects.all()
        if "checkpoint.json" not in found:
            assert not [key for key in found if key.startswith(("scores/", "alerts/", "summaries/"))]
            return
        last = json.loads(found["checkpoint.json"])
        committed = {each["key"]: each["sha256"] for each in last["outputs"]}
        for key, data in found.items():
            if key.startswith(("scores/", "alerts/", "summaries/")):
                number = int(key.partition("/")[2].partition(".")[0])
                assert number <= last["number"], f"{key} is seen before it was committed"
                # A commit of nothing but positions has none.
                if number == last["number"] and committed:
                    assert hashlib.sha256(data).hexdigest() == committed[key]

    def check(self, expected: list[str]) -> None:
        """Each of these uids was scored once and nothing else; outputs are numbered without holes; nothing is left over."""
        uids = self.uids()
        doubled = [uid for uid, count in uids.items() if count > 1]
        assert not doubled, f"scored twice: {doubled[:5]}"
        assert set(uids) == set(expected), f"lost: {sorted(set(expected) - set(uids))[:5]}"
        found = self.objects.all()
        numbers = sorted(int(key[7:15]) for key in found if key.startswith("scores/"))
        told = sorted(int(key[10:18]) for key in found if key.startswith("summaries/"))
        assert told == list(range(1, self.checkpoint()["number"] + 1))
        assert set(numbers) <= set(told)
        assert not [key for key in found if key.startswith("staged/")]
        states = set(self.checkpoint()["state"].values())
        assert {key for key in found if key.startswith("state/")} == states
