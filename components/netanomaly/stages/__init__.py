"""The components: one folder, one container image and one Kubeflow Pipelines component each."""
