"""Kubeflow Pipelines components that turn network traffic into registered anomaly detectors."""

__version__: str


def __getattr__(name: str) -> str:
    # Looked up when asked for: importlib.metadata costs 25 ms, which every stage would pay at its start.
    if name == "__version__":
        from importlib.metadata import version

        return version("netanomaly")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
