"""Class names of labelled traffic, and which of them mean normal."""

from collections.abc import Collection, Iterable

from netanomaly.flows.values import is_missing

RECOGNISED_NORMAL = frozenset({"normal", "benign", "background", "0", "0.0", "false"})
"""Taken for normal without configuration, in any case and with trailing dots (KDD99 writes `normal.`)."""

# What flow meters write of a flow that nobody has labelled yet, without case and punctuation.
_NO_CLASS = frozenset({"nolabel", "needmanuallabel", "unlabeled", "unlabelled", "notlabeled", "notlabelled"})


def is_no_class(written: str) -> bool:
    """Whether a written label names no class: it is missing, or says that there is none."""
    return is_missing(written) or "".join(filter(str.isalnum, written)).lower() in _NO_CLASS


def clean_label(name: str) -> str:
    """A class name as it is kept: blanks around it and trailing dots removed."""
    return name.strip().rstrip(".").rstrip()


def is_normal(name: str | None, normal_labels: Collection[str]) -> bool:
    """Whether a class name means normal traffic.

    Names given in `normal_labels` compare exactly once both are cleaned; with none given, the recognised
    names do, in any case. A missing label is not normal.
    """
    if name is None:
        return False
    name = clean_label(name)
    if normal_labels:
        return name in {clean_label(label) for label in normal_labels}
    return name.lower() in RECOGNISED_NORMAL


def normal_names(names: Iterable[str], normal_labels: Collection[str]) -> list[str]:
    """Those of the class names that mean normal, in their order."""
    return [name for name in names if is_normal(name, normal_labels)]


_BINARY_CODES = frozenset({"0", "1", "0.0", "1.0", "false", "true"})


def spoken(names: Iterable[str], normal_labels: Collection[str]) -> dict[str, str]:
    """What to call each class: that of binary labels `normal` and `attack` in place of 0 and 1, any other by its name."""
    names = list(names)
    if len(names) > 2 or not all(clean_label(name).lower() in _BINARY_CODES for name in names):
        return {name: name for name in names}
    return {name: "normal" if is_normal(name, normal_labels) else "attack" for name in names}
