"""How good a scorer is on labelled texts: the figures a model card needs, with intervals.

`measure` is the whole of it; `docs/evaluating.md` says what every figure means.
"""

from sentiment.evaluate.answers import label_map
from sentiment.evaluate.calibration import BINS, calibration_error
from sentiment.evaluate.classes import Figures, figures
from sentiment.evaluate.errors import EvaluationError
from sentiment.evaluate.joined import join_texts
from sentiment.evaluate.measure import evaluate, measure, read_labelled
from sentiment.evaluate.results import Comparison, Evaluation, Head, Urgency
from sentiment.evaluate.table import Condition, Table, read_table, table_of
from sentiment.evaluate.targets import Options

__all__ = [
    "BINS",
    "Comparison",
    "Condition",
    "Evaluation",
    "EvaluationError",
    "Figures",
    "Head",
    "Options",
    "Table",
    "Urgency",
    "calibration_error",
    "evaluate",
    "figures",
    "join_texts",
    "label_map",
    "measure",
    "read_labelled",
    "read_table",
    "table_of",
]
