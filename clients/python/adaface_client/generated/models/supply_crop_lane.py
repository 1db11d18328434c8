from enum import StrEnum


class SupplyCropLane(StrEnum):
    BULK = "bulk"
    INTERACTIVE = "interactive"

    def __str__(self) -> str:
        return str(self.value)
