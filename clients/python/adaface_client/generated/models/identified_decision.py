from enum import StrEnum


class IdentifiedDecision(StrEnum):
    INCONCLUSIVE = "inconclusive"
    MATCH = "match"
    NO_MATCH = "no_match"

    def __str__(self) -> str:
        return str(self.value)
