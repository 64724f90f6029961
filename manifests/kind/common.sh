# shellcheck shell=bash
# What the recipes here share; each sources it.

CLUSTER=netanomaly
NAMESPACE=kubeflow
# The version that the back end's behaviour was measured with; KFP_MANIFESTS names what `copy` wrote, where GitHub cannot be
# reached: KFP's own manifests/kustomize refers to Argo's there.
KFP_VERSION=${KFP_VERSION:-2.17.0}
KFP_MANIFESTS=${KFP_MANIFESTS:-github.com/kubeflow/pipelines/manifests/kustomize}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck disable=SC2034 # for those who source this
root=$(cd "$here/../.." && pwd)

fail() {
  echo "error: $1" >&2
  exit 2
}

# need COMMAND HOW-TO-GET-IT
need() {
  command -v "$1" > /dev/null || fail "$1 is not installed: $2"
}

need_tools() {
  need docker "https://docs.docker.com/engine/install/"
  need kind "https://kind.sigs.k8s.io/docs/user/quick-start/#installation (0.24 or newer)"
  need kubectl "https://kubernetes.io/docs/tasks/tools/"
  docker info > /dev/null 2>&1 || fail "no Docker daemon answers; start it, or join its group"
}

need_cluster() {
  kind get clusters 2> /dev/null | grep -qx "$CLUSTER" || fail "there is no kind cluster $CLUSTER; \`make kind-up\` makes it"
}

# Every call names the cluster: what kubectl is set to otherwise is left alone.
k() {
  kubectl --context "kind-$CLUSTER" --namespace "$NAMESPACE" "$@"
}

# A folder of KFP's manifests, as kubectl takes it.
kfp() {
  case $KFP_MANIFESTS in
    /* | .*) echo "$KFP_MANIFESTS/$1" ;;
    *) echo "$KFP_MANIFESTS/$1?ref=$KFP_VERSION" ;;
  esac
}
