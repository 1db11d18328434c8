from enum import StrEnum


class VerifyFacesLane(StrEnum):
    BULK = "bulk"
    INTERACTIVE = "interactive"

    def __str__(self) -> str:
        return str(self.value)
