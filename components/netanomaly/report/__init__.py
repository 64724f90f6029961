"""Reports for people: one self-contained HTML page each, for a model's evaluation and for its data; a decision's note.

A page needs nothing but itself: no script, no external file, no link. It is shown offline, in a sandboxed frame, in
light and dark, on a phone and on paper.
"""

from netanomaly.report.data import data_page
from netanomaly.report.decision import decision_note
from netanomaly.report.evaluation import evaluation_page
from netanomaly.report.monitoring import monitoring_page
from netanomaly.report.scoring import scoring_page
from netanomaly.report.tuning import tuning_page

__all__ = ["data_page", "decision_note", "evaluation_page", "monitoring_page", "scoring_page", "tuning_page"]
