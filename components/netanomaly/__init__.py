"""Kubeflow Pipelines components that turn network traffic into registered anomaly detectors."""

from importlib.metadata import version

__version__ = version("netanomaly")
