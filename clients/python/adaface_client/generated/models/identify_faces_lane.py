from enum import StrEnum


class IdentifyFacesLane(StrEnum):
    BULK = "bulk"
    INTERACTIVE = "interactive"

    def __str__(self) -> str:
        return str(self.value)
