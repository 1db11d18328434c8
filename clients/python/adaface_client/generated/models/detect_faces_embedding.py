from enum import StrEnum


class DetectFacesEmbedding(StrEnum):
    BASE64 = "base64"
    FLOAT = "float"
    NONE = "none"

    def __str__(self) -> str:
        return str(self.value)
