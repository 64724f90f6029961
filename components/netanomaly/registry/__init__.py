"""A model registry that is nothing but objects in a bucket, or files in a folder: no database, no server.

registry = open_registry("s3://models/registry")
registry.models()
model = registry.load("office@champion")  # bytes verified against the record, then loaded
"""

from netanomaly.registry.changes import Promotion
from netanomaly.registry.client import Registration, Registry, open_registry
from netanomaly.registry.original import ModelRegistryClient
from netanomaly.registry.reading import Model, Version

__all__ = ["Model", "ModelRegistryClient", "Promotion", "Registration", "Registry", "Version", "open_registry"]
