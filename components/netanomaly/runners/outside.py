"""What of the environment of whoever starts a run gets to a stage: no more than the compiled pipeline gives it on a cluster.

A stage that takes nothing from outside there needs no credentials here: what runs inside it, a detector's library or a
model that was not what it should be, finds none. Files of the user are another matter: a process of this machine can
read them; containers cannot.
"""

from collections.abc import Mapping

from netanomaly import stage_io

LOCAL_PATHS = {stage_io.LOCAL_PATHS_VARIABLE: "1"}
"""Tells a stage that its sources and registries may be paths: those of the machine of whoever asked for the run."""

STORE = (
    *("AWS_", "S3_", "NETANOMALY_SINGLE_WRITER", "NETANOMALY_REGISTRY_", "NETANOMALY_SIGNED_HEADS"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_"),
)
"""How variables begin, in capitals, that stages need to reach a store, and that hold no key to sign with."""

# What programs need to run at all: where things are, language, threads, what measures and debugs them.
_PLAIN = frozenset({
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "PWD", "LANG", "LANGUAGE", "TZ", "TERM", "NO_COLOR", "TMPDIR", "TEMP", "TMP",
    "VIRTUAL_ENV", "LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "SOURCE_DATE_EPOCH",
})  # fmt: skip
_PLAIN_BEGINNINGS = (
    *("LC_", "XDG_", "PYTHON", "COVERAGE_", "COV_CORE_", "MALLOC_", "GLIBC_", "ASAN_"),
    *("OMP_", "OPENBLAS_", "MKL_", "BLIS_", "KMP_", "VECLIB_", "NUMEXPR_", "JOBLIB_", "LOKY_", "ARROW_", "NPY_"),
)


def given(environment: Mapping[str, str], outside: frozenset[str]) -> dict[str, str]:
    """The variables that a stage gets.

    Args:
        environment: Of whoever starts the run.
        outside: The names that the pipeline takes from outside for this stage; with any, what reaches the store.
    """
    return {
        name: value
        for name, value in environment.items()
        if name in _PLAIN
        or name.startswith(_PLAIN_BEGINNINGS)
        or name in outside
        or (outside and name.upper().startswith(STORE))
    }
