from enum import StrEnum


class EnrollFaceLane(StrEnum):
    BULK = "bulk"
    INTERACTIVE = "interactive"

    def __str__(self) -> str:
        return str(self.value)
