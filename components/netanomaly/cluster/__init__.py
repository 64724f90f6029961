"""A Kubeflow Pipelines server from outside: pipelines uploaded, runs made and followed, recurring runs kept.

    server = connect(Access(host="https://kubeflow.example.org/pipeline"))
    version = upload(server, "netanomaly-training", Package.read(text), namespace="")

Speaks the server's HTTP API, v2beta1. Signing in is the kfp client's; what it does not do is done here: waiting no
longer than asked, telling a sign-in page from an answer, and never making a thing twice because an answer was lost.
"""
