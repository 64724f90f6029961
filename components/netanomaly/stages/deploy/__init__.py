"""The deploy stage: a version of a model is served in a Kubernetes cluster, and proven there, or nothing has changed."""
