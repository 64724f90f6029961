"""How an answer counts, from good to bad."""

from typing import Literal

Status = Literal["good", "note", "warning", "bad"]
