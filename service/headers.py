"""What an image file says about itself in its first bytes: kind, size, orientation; nothing is decoded."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from service.errors import EmptyImage, UndecodableImage, UnsupportedImage

Kind = Literal["jpeg", "png", "webp"]

ACCEPTED: Final = "Only JPEG, PNG and WebP images are accepted"
NAMES: Final[dict[Kind, str]] = {"jpeg": "JPEG", "png": "PNG", "webp": "WebP"}

# Formats people really send by mistake; naming what was seen saves them a look with a hex editor.
_FOREIGN: Final = (
    (rb"GIF8[79]a", "a GIF"),
    (rb"BM.{4}\0\0\0\0", "a BMP"),
    (rb"II\*\0|MM\0\*|II\+\0|MM\0\+", "a TIFF or a camera's raw file"),
    (rb".{4}ftyp(heic|heix|heim|heis|hevc|hevx|mif1|msf1)", "a HEIC"),
    (rb".{4}ftypavi[fs]", "an AVIF"),
    (rb".{4}ftyp|\x1a\x45\xdf\xa3|RIFF.{4}AVI ", "a video"),
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "a JPEG 2000"),
    (rb"\0\0\0\x0cJXL |\xff\x0a", "a JPEG XL"),
    (rb"\0\0\x01\0", "an icon (ICO)"),
    (rb"8BPS", "a Photoshop document"),
    (rb"%PDF-", "a PDF"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "a PostScript document"),
    (rb"PK\x03\x04|\x1f\x8b", "a compressed archive"),
    (rb"(\xef\xbb\xbf)?\s*<(svg|\?xml|!DOCTYPE svg)", "an SVG"),
    (rb"(?i)(\xef\xbb\xbf)?\s*<(!doctype html|html)", "an HTML page"),
    (rb"data:image/|/9j/|iVBORw0KGgo|UklGR", "base64 text, not the decoded bytes"),
)
_FOREIGN_PATTERNS: Final = [(re.compile(magic, re.DOTALL), name) for magic, name in _FOREIGN]

_ORIENTATION: Final = 0x0112
# Frame headers are C0..CF without DHT, JPG and DAC (ITU T.81, table B.1).
FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
BASELINE: Final = (b"\xc0", b"\xc1")
_BARE: Final = frozenset({0x01, *range(0xD0, 0xD8)})  # markers without a length
_JPEG_MARKER: Final = re.compile(rb"\xff[^\x00\xff]", re.DOTALL)
# A flood of empty blocks would hold the interpreter for seconds; 25 MB of PNG in 4 kB chunks are 6,100.
_MOST_BLOCKS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Header:
    """`width` and `height` as stored, before `orientation` (EXIF, 1..8) turns the picture upright."""

    kind: Kind
    width: int
    height: int
    orientation: int = 1
    progressive: bool = False  # a JPEG of several scans

    @property
    def pixels(self) -> int:
        return self.width * self.height


@dataclass(frozen=True, slots=True)
class Block:
    """A JPEG segment (`name` is its marker byte) or a PNG or WebP chunk: `body[start:end]` is its content."""

    name: bytes
    start: int
    end: int


def kind(body: bytes) -> Kind:
    """By magic bytes alone: file names and Content-Type are the client's opinion.

    Raises EmptyImage, UnsupportedImage for a format known but not accepted, else UndecodableImage.
    """
    if not body:
        raise EmptyImage("The image has zero bytes.")
    if body.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "webp"
    _refuse_foreign(body[:1024])
    raise UndecodableImage(f"The bytes do not begin like an image. {ACCEPTED}.")


def _refuse_foreign(start: bytes) -> None:
    for magic, name in _FOREIGN_PATTERNS:
        if magic.match(start):
            raise UnsupportedImage(f"{ACCEPTED}; this looks like {name}.")


def header(body: bytes) -> Header:
    """2-60 µs, whatever the image's size. Raises what `kind` raises; UndecodableImage if broken."""
    found = kind(body)
    try:
        read = _READERS[found](body)
    except (struct.error, ValueError) as broken:
        raise UndecodableImage(f"The {NAMES[found]} is truncated or damaged.") from broken
    if read.pixels == 0:
        raise UndecodableImage(f"The {NAMES[found]} has no pixels.")
    return read


def jpeg_segments(body: bytes) -> Iterator[Block]:
    """Up to and including the first start of scan; skips stray bytes between segments as libjpeg does.

    Raises ValueError when the file ends before a scan starts.
    """
    at = 2
    for _ in range(_MOST_BLOCKS):
        marker = _JPEG_MARKER.search(body, at)
        if marker is None:
            break
        name, at = marker[0][1:], marker.end()
        if name[0] in _BARE:
            continue
        (length,) = struct.unpack_from(">H", body, at)
        if length < 2 or at + length > len(body):
            break
        yield Block(name, at + 2, at + length)
        at += length
        if name == b"\xda":
            return
    raise ValueError("no start of scan")


def _jpeg(body: bytes) -> Header:
    size, orientation, progressive = None, None, False
    for segment in jpeg_segments(body):
        if segment.name[0] in FRAMES and size is None:
            size = struct.unpack_from(">HH", body, segment.start + 1)
            progressive = segment.name not in BASELINE
        elif segment.name == b"\xe1" and orientation is None:
            orientation = _exif_orientation(body[segment.start : segment.end])
    if size is None:
        raise ValueError("no frame header")
    return Header("jpeg", size[1], size[0], orientation or 1, progressive)


def png_chunks(body: bytes) -> Iterator[Block]:
    """Every chunk up to and including IEND. Raises ValueError when the file ends before it."""
    at = 8
    for _ in range(_MOST_BLOCKS):
        if at + 12 > len(body):
            break
        length, name = struct.unpack_from(">I4s", body, at)
        start = at + 8
        at = start + length + 4
        if at > len(body):
            break
        yield Block(name, start, start + length)
        if name == b"IEND":
            return
    raise ValueError("no end of image")


def _png(body: bytes) -> Header:
    length, name, width, height = struct.unpack_from(">I4sII", body, 8)
    if (length, name) != (13, b"IHDR"):
        raise ValueError("no IHDR")
    exif = (body[c.start : c.end] for c in png_chunks(body) if c.name == b"eXIf")
    return Header("png", width, height, _exif_orientation(next(exif, b"")) or 1)


def webp_chunks(body: bytes) -> Iterator[Block]:
    """Every chunk inside the RIFF container. Raises ValueError when the file is shorter than it declares."""
    end = 8 + struct.unpack_from("<I", body, 4)[0]
    if end > len(body):
        raise ValueError("shorter than declared")
    at = 12
    for _ in range(_MOST_BLOCKS):
        if at + 8 > end:
            return
        name, length = struct.unpack_from("<4sI", body, at)
        yield Block(name, at + 8, min(at + 8 + length, end))
        at += 8 + length + length % 2


def _webp(body: bytes) -> Header:
    chunks = webp_chunks(body)
    first = next(chunks, None)
    if first is None:
        raise ValueError("no chunks")
    width, height = _webp_size(body[first.start : first.end][:10], first.name)
    exif = (body[c.start : c.end] for c in chunks if c.name == b"EXIF")
    return Header("webp", width, height, _exif_orientation(next(exif, b"")) or 1)


def _webp_size(data: bytes, name: bytes) -> tuple[int, int]:
    """The canvas of VP8X; libwebp itself refuses a still frame that differs from its canvas."""
    if name == b"VP8X":
        flags_width, rest = struct.unpack_from("<4xI", data)[0], data[7:10]
        return (flags_width & 0xFFFFFF) + 1, int.from_bytes(rest, "little") + 1
    if name == b"VP8L":
        packed = struct.unpack_from("<xI", data)[0]
        return (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
    if name == b"VP8 ":
        width, height = struct.unpack_from("<6xHH", data)
        return width & 0x3FFF, height & 0x3FFF
    raise ValueError("no frame")


def _exif_orientation(exif: bytes) -> int | None:
    """1..8; 1 for a broken EXIF block, None for none at all (an APP1 segment may also be XMP).

    Read here because a general EXIF parser is attack surface for one number: 2 of the 330 crashes
    fuzzing found in InsightFace Server were `struct.error` from its parser.
    """
    tiff = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return 1 if exif.startswith(b"Exif") else None
    try:
        (first,) = struct.unpack_from(f"{order}I", tiff, 4)
        (entries,) = struct.unpack_from(f"{order}H", tiff, first)
        for at in range(first + 2, first + 2 + 12 * entries, 12):
            tag, value = struct.unpack_from(f"{order}H6xH", tiff, at)
            if tag == _ORIENTATION:
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1


_READERS: Final = {"jpeg": _jpeg, "png": _png, "webp": _webp}
