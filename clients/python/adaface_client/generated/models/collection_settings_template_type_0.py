from enum import StrEnum


class CollectionSettingsTemplateType0(StrEnum):
    MAX = "max"
    MEAN = "mean"
    NORM_WEIGHTED = "norm_weighted"

    def __str__(self) -> str:
        return str(self.value)
