from enum import StrEnum


class IdentifyFacesCalibration(StrEnum):
    SHIPPED = "shipped"
    SITE = "site"

    def __str__(self) -> str:
        return str(self.value)
