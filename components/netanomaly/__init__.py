"""Kubeflow Pipelines components that turn network traffic into registered anomaly detectors."""

# Not read from the installed metadata: that costs every stage 25 ms. A test holds it to pyproject.toml.
__version__ = "0.1.0"
