"""Image files in memory, sound and hostile, for the decoder's tests and those over HTTP."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Literal

import cv2
import numpy as np
import PIL.Image
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
JPEG_END = b"\xff\xd9"


def scene(height: int = 96, width: int = 128, seed: int = 0) -> Pixels:
    """RGB blobs with a little noise, (height, width, 3): compresses about like a photograph."""
    random = np.random.default_rng(seed)
    small = random.integers(0, 256, (height // 16 + 1, width // 16 + 1, 3), dtype=np.uint8)
    smooth = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.clip(smooth + random.normal(0, 4, smooth.shape), 0, 255).astype(np.uint8)


def quadrants(height: int = 64, width: int = 96) -> Pixels:
    """Red, green, blue and white corners, reading order: every turn and mirroring tells itself apart."""
    picture = np.empty((height, width, 3), np.uint8)
    top, left = slice(None, height // 2), slice(None, width // 2)
    bottom, right = slice(height // 2, None), slice(width // 2, None)
    picture[top, left], picture[top, right] = (255, 0, 0), (0, 255, 0)
    picture[bottom, left], picture[bottom, right] = (0, 0, 255), (255, 255, 255)
    return picture


def encoded(picture: Pixels | PIL.Image.Image, file_format: str, **options: object) -> bytes:
    image = picture if isinstance(picture, PIL.Image.Image) else PIL.Image.fromarray(picture)
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def jpeg(picture: Pixels | PIL.Image.Image | None = None, **options: object) -> bytes:
    return encoded(scene() if picture is None else picture, "JPEG", **{"quality": 90, **options})


def png(picture: Pixels | PIL.Image.Image | None = None, **options: object) -> bytes:
    return encoded(scene() if picture is None else picture, "PNG", **options)


def webp(picture: Pixels | PIL.Image.Image | None = None, **options: object) -> bytes:
    return encoded(scene() if picture is None else picture, "WEBP", **options)


def animated_webp(*frames: Pixels) -> bytes:
    return _animated("WEBP", frames, lossless=True)


def animated_png(*frames: Pixels) -> bytes:
    return _animated("PNG", frames)


def _animated(file_format: str, frames: tuple[Pixels, ...], **options: object) -> bytes:
    first, *rest = [PIL.Image.fromarray(f) for f in frames or (scene(seed=1), scene(seed=2))]
    return encoded(first, file_format, save_all=True, append_images=rest, duration=40, **options)


def cmyk_jpeg(picture: Pixels) -> bytes:
    """Adobe's inverted CMYK, as Photoshop writes it."""
    return jpeg(PIL.Image.fromarray(picture).convert("CMYK"), quality=95)


def ycck_jpeg(picture: Pixels) -> bytes:
    """The same colors as YCCK: the planes transformed by hand, the Adobe marker saying so."""
    cmyk = np.asarray(PIL.Image.fromarray(picture).convert("CMYK"))
    luma = np.asarray(PIL.Image.fromarray(np.ascontiguousarray(cmyk[..., :3])).convert("YCbCr"))
    stored = np.dstack((luma, 255 - cmyk[..., 3]))  # Pillow inverts what it writes, so invert here
    body = bytearray(
        jpeg(PIL.Image.frombytes("CMYK", stored.shape[1::-1], (255 - stored).tobytes()))
    )
    body[body.index(b"Adobe") + 11] = 2
    return bytes(body)


def exif(orientation: int, order: Literal["<", ">"] = "<") -> bytes:
    """A whole EXIF block with one tag. Values outside 1..8 are written as asked."""
    start = b"II*\0" if order == "<" else b"MM\0*"
    entry = struct.pack(f"{order}IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    return b"Exif\0\0" + start + entry


def oriented_jpeg(orientation: int, picture: Pixels | None = None) -> bytes:
    """`picture` as a camera held in that way stores it: upright again only for a reader of EXIF."""
    return jpeg(quadrants() if picture is None else picture, exif=exif(orientation), quality=95)


def png16(samples: NDArray[np.uint16]) -> bytes:
    """(height, width) gray, or (height, width, 3 or 4) RGB(A), 16 bits a sample, no scanline filters."""
    height, width = samples.shape[:2]
    channels = 1 if samples.ndim == 2 else samples.shape[2]
    rows = samples.astype(">u2").reshape(height, -1)
    data = b"".join(b"\0" + row.tobytes() for row in rows)
    color = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    return png_of(_ihdr(width, height, depth=16, color=color), (b"IDAT", zlib.compress(data)))


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_of(*chunks: tuple[bytes, bytes]) -> bytes:
    """Any chunks, with sound checksums; IEND is added."""
    return PNG_SIGNATURE + b"".join(chunk(*c) for c in (*chunks, (b"IEND", b"")))


def _ihdr(width: int, height: int, depth: int = 8, color: int = 2) -> tuple[bytes, bytes]:
    return b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)


def bomb_png(side: int = 20_000) -> bytes:
    """A valid one-bit square of zeros: 400 megapixels in about 50 kB."""
    row = bytes(1 + (side + 7) // 8)
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    return png_of(_ihdr(side, side, depth=1, color=0), (b"IDAT", data))


def two_headed_png(side: int = 30_000) -> bytes:
    """A modest IHDR followed by an immense one, as Pillow would believe the second."""
    return png_of(_ihdr(8, 8), _ihdr(side, side), (b"IDAT", zlib.compress(bytes(200))))


def huge_header_png(width: int, height: int) -> bytes:
    """Hardly any data behind a large claim."""
    return png_of(_ihdr(width, height), (b"IDAT", zlib.compress(bytes(100))))


def huge_header_jpeg(width: int = 10_000, height: int = 10_000) -> bytes:
    """A small JPEG whose frame header claims `width` × `height`."""
    body = bytearray(jpeg())
    frame = body.index(b"\xff\xc0") + 5
    body[frame : frame + 4] = struct.pack(">HH", height, width)
    return bytes(body)


def huge_header_webp(width: int = 16_383, height: int = 16_383) -> bytes:
    body = bytearray(webp(lossless=True))
    at = body.index(b"VP8L") + 9
    body[at : at + 4] = struct.pack("<I", (width - 1) | (height - 1) << 14)
    return bytes(body)


def truncated(body: bytes, share: float = 0.5) -> bytes:
    return body[: int(len(body) * share)]


def closed_again(body: bytes, share: float = 0.5) -> bytes:
    """A JPEG cut short and given a new end marker: most decoders fill the rest with gray and say nothing."""
    return truncated(body, share) + JPEG_END
