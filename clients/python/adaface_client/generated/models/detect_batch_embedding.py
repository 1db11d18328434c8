from enum import StrEnum


class DetectBatchEmbedding(StrEnum):
    BASE64 = "base64"
    FLOAT = "float"
    NONE = "none"

    def __str__(self) -> str:
        return str(self.value)
