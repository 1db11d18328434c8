from enum import StrEnum


class IdentifiedReasonsItem(StrEnum):
    AMBIGUOUS_CANDIDATES = "ambiguous_candidates"
    LOW_QUALITY_PROBE = "low_quality_probe"
    NEAR_THRESHOLD = "near_threshold"

    def __str__(self) -> str:
        return str(self.value)
