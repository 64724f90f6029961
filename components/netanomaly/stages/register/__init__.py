"""Make a model a version in the registry."""
