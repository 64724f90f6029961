"""What one written value means. The one policy on missing, infinite and absurd values.

- Missing: an empty field and the spellings in `MISSING`, as blanks around them allow; `nan` in any case for numbers.
- Numbers are doubles. `true` and `false`, in any case, are 1 and 0 where a column's values are numbers or booleans.
- Infinities, and magnitudes over `LARGEST` (which a single-precision detector would read as infinite), are repaired
  to missing and counted in the ingest report; they carry no information about how large the quantity was.
- Category values keep their case; blanks around them go. Integer codes lose a `.0` that another program appended,
  so that `6` and `6.0` are one category.
"""

import re

MISSING = ("", "-", "?", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "#N/A")
LARGEST = 3.0e38
"""Just under the largest single-precision number, 3.4e38: scikit-learn's trees compute in float32."""

_MISSING = frozenset(MISSING)
_NUMBER = re.compile(
    r"[+-]?(\d+(\.\d*)?([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|inf(inity)?|nan)", re.IGNORECASE | re.ASCII
)
_WHOLE = re.compile(r"[+-]?\d+\.0+", re.ASCII)
_BOOLEANS = {"true": 1.0, "false": 0.0}


def is_missing(text: str) -> bool:
    """Whether a written value stands for no value."""
    return text.strip() in _MISSING


def number(text: str) -> float | None:
    """The number that a text writes, NaN when it is missing, None when it is no number. Booleans are 1 and 0."""
    text = text.strip()
    if text in _MISSING:
        return float("nan")
    if _NUMBER.fullmatch(text):
        return float(text)
    return _BOOLEANS.get(text.lower())


def category(text: str) -> str | None:
    """The category that a text names; None when it is missing."""
    text = text.strip()
    if text in _MISSING:
        return None
    return text.partition(".")[0] if _WHOLE.fullmatch(text) else text
