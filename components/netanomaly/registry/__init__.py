"""A model registry that is nothing but files: no database, no server.

registry = open_registry("runs/registry")
registry.models()
model = registry.load("office@champion")  # bytes verified against the record, then loaded
"""

from netanomaly.registry.client import Registration, Registry, Version, open_registry

__all__ = ["Registration", "Registry", "Version", "open_registry"]
