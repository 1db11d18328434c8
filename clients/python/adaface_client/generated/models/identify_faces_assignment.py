from enum import StrEnum


class IdentifyFacesAssignment(StrEnum):
    INDEPENDENT = "independent"
    UNIQUE = "unique"

    def __str__(self) -> str:
        return str(self.value)
