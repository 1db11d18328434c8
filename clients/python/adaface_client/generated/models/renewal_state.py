from enum import StrEnum


class RenewalState(StrEnum):
    CLEARING = "clearing"
    EMBEDDING = "embedding"
    READY = "ready"
    SWITCHED = "switched"

    def __str__(self) -> str:
        return str(self.value)
