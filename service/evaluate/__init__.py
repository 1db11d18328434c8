"""Measures a bundle the way it is used: whole photographs through the real pipeline."""

from service.evaluate.degraded import QualityReport, count_degraded, evaluate_quality
from service.evaluate.pairs import PairsReport, evaluate_pairs, parse_pairs, photographs, shown_in

__all__ = [
    "PairsReport",
    "QualityReport",
    "count_degraded",
    "evaluate_pairs",
    "evaluate_quality",
    "parse_pairs",
    "photographs",
    "shown_in",
]
