"""The Kubernetes API: a few requests, without a client library, so that an image that deploys stays small."""
