from enum import StrEnum


class WeakReason(StrEnum):
    LOW_QUALITY = "low_quality"
    NO_FACES = "no_faces"

    def __str__(self) -> str:
        return str(self.value)
