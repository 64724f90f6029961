"""Reports for people: one self-contained HTML page each, for a model's evaluation and for its data.

A page needs nothing but itself: no script, no external file, no link. It is shown offline, in a sandboxed frame, in
light and dark, on a phone and on paper.
"""

from netanomaly.report.data import data_page
from netanomaly.report.evaluation import evaluation_page

__all__ = ["data_page", "evaluation_page"]
