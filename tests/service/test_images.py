from __future__ import annotations

import struct
import zlib

import numpy as np
import PIL.Image
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.errors import (
    EmptyImage,
    ImageError,
    ImageTooLarge,
    UndecodableImage,
    UnsupportedImage,
)
from service.images import Limits, decode, header, kind
from tests.images import (
    animated_png,
    animated_webp,
    bomb_png,
    closed_again,
    cmyk_jpeg,
    encoded,
    exif,
    huge_header_jpeg,
    huge_header_png,
    huge_header_webp,
    jpeg,
    oriented_jpeg,
    png,
    png16,
    png_of,
    quadrants,
    scene,
    truncated,
    two_headed_png,
    webp,
    ycck_jpeg,
)

LIMITS = Limits()
SMALL = Limits(max_pixels=100_000, max_side=2_000)
GRAY = 128
FILES = {
    "jpeg": jpeg(),
    "jpeg-444-restarts": jpeg(subsampling=0, restart_marker_rows=1),
    "jpeg-progressive": jpeg(progressive=True),
    "jpeg-gray": jpeg(PIL.Image.fromarray(scene()).convert("L")),
    "jpeg-cmyk": cmyk_jpeg(scene()),
    "png": png(),
    "png-palette": png(PIL.Image.fromarray(scene()).convert("P")),
    "png-16": png16(np.arange(96 * 128, dtype=np.uint16).reshape(96, 128) * 5),
    "webp": webp(),
    "webp-lossless": webp(lossless=True),
    "webp-alpha-exif": webp(PIL.Image.fromarray(scene()).convert("RGBA"), exif=exif(1)),
    "webp-animated": animated_webp(),
}
each_file = pytest.mark.parametrize("body", FILES.values(), ids=FILES.keys())


def near(decoded: np.ndarray, expected: object, tolerance: float = 4) -> bool:
    difference = np.abs(decoded.astype(int) - np.asarray(expected, int))
    return bool(
        np.median(difference) <= tolerance and np.percentile(difference, 90) <= 3 * tolerance
    )


# --- what comes out ---------------------------------------------------------------------------


@each_file
def test_every_kind_of_file_becomes_contiguous_rgb(body: bytes) -> None:
    picture = decode(body, LIMITS)
    assert picture.shape == (96, 128, 3)
    assert picture.dtype == np.uint8
    assert picture.flags.c_contiguous


def test_png_and_lossless_webp_give_the_exact_pixels() -> None:
    np.testing.assert_array_equal(decode(png(), LIMITS), scene())
    np.testing.assert_array_equal(decode(webp(lossless=True), LIMITS), scene())


@pytest.mark.parametrize(
    "options",
    [{}, {"subsampling": 0}, {"optimize": True}, {"restart_marker_rows": 1}, {"progressive": True}],
    ids=str,
)
@pytest.mark.parametrize("size", [(1, 1), (7, 9), (8, 8), (96, 128), (333, 257)], ids=str)
def test_jpeg_gives_the_pixels_pillow_gives(
    options: dict[str, object], size: tuple[int, int]
) -> None:
    body = jpeg(scene(*size), **options)
    by_pillow = encoded(body_image(body), "PNG")
    np.testing.assert_array_equal(decode(body, LIMITS), decode(by_pillow, LIMITS))


def body_image(body: bytes) -> PIL.Image.Image:
    import io

    return PIL.Image.open(io.BytesIO(body))


def test_gray_jpeg_has_three_equal_channels() -> None:
    picture = decode(FILES["jpeg-gray"], LIMITS)
    assert (picture == picture[..., :1]).all()


def test_rgb_stored_jpeg_keeps_its_colors() -> None:
    assert near(decode(jpeg(quadrants(), keep_rgb=True), LIMITS), quadrants())


@pytest.mark.parametrize("build", [cmyk_jpeg, ycck_jpeg])
def test_cmyk_and_ycck_jpegs_keep_their_colors(build) -> None:
    assert near(decode(build(quadrants()), LIMITS), quadrants())
    assert near(decode(build(scene()), LIMITS), scene())


def test_trailing_bytes_after_the_picture_are_ignored() -> None:
    for name in ("jpeg", "png", "webp"):
        body = FILES[name]
        np.testing.assert_array_equal(
            decode(body + jpeg(scene(8, 8)), LIMITS), decode(body, LIMITS)
        )


def test_a_thumbnail_in_exif_is_not_mistaken_for_the_picture() -> None:
    block = exif(1) + jpeg(scene(16, 16))
    np.testing.assert_array_equal(decode(jpeg(exif=block), LIMITS), decode(jpeg(), LIMITS))


def test_icc_profiles_do_not_change_pixels() -> None:
    for build in (jpeg, png, webp):
        np.testing.assert_array_equal(
            decode(build(icc_profile=b"no profile at all"), LIMITS), decode(build(), LIMITS)
        )


# --- 16 bits ----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(40, 50), (40, 50, 3)], ids=["gray", "rgb"])
def test_16_bit_png_keeps_the_high_byte(shape: tuple[int, ...]) -> None:
    samples = np.random.default_rng(0).integers(0, 65_536, shape, dtype=np.uint16)
    expected = (samples >> 8).astype(np.uint8)
    expected = expected if len(shape) == 3 else np.repeat(expected[..., None], 3, axis=2)
    np.testing.assert_array_equal(decode(png16(samples), LIMITS), expected)


def test_a_16_bit_ramp_keeps_256_levels() -> None:
    ramp = np.arange(65_536, dtype=np.uint16).reshape(256, 256)
    assert len(np.unique(decode(png16(ramp), LIMITS))) == 256


@pytest.mark.parametrize("channels", [2, 4], ids=["gray-alpha", "rgba"])
def test_16_bit_png_with_alpha_is_scaled_and_composited(channels: int) -> None:
    samples = np.full((4, 6, channels), 0xC8FF, np.uint16)
    samples[:, :3, -1], samples[:, 3:, -1] = 0xFFFF, 0
    picture = decode(png16(samples), LIMITS)
    assert (picture[:, :3] == 0xC8).all()
    assert (picture[:, 3:] == GRAY).all()


def test_transparent_value_of_16_bit_gray_becomes_mid_gray() -> None:
    rows = b"".join(b"\0" + struct.pack(">HH", 0x1234, 0xFF00) for _ in range(3))
    body = png_of(
        (b"IHDR", struct.pack(">IIBBBBB", 2, 3, 16, 0, 0, 0, 0)),
        (b"tRNS", struct.pack(">H", 0x1234)),
        (b"IDAT", zlib.compress(rows)),
    )
    picture = decode(body, LIMITS)
    assert (picture[:, 0] == GRAY).all()
    assert (picture[:, 1] == 255).all()


# --- alpha and palettes -----------------------------------------------------------------------


@pytest.mark.parametrize("build", [png, lambda image: webp(image, lossless=True, exact=True)])
def test_what_lies_under_transparency_is_not_exposed(build) -> None:
    rgba = np.dstack((quadrants(), np.zeros((64, 96), np.uint8)))
    assert (decode(build(rgba), LIMITS) == GRAY).all()


def test_half_transparency_blends_with_mid_gray() -> None:
    rgba = np.full((4, 4, 4), (255, 0, 128, 128), np.uint8)
    assert np.abs(decode(png(rgba), LIMITS).astype(int) - (192, 64, 128)).max() <= 1


def test_gray_with_alpha_is_composited() -> None:
    la = np.dstack((np.full((4, 4), 255, np.uint8), np.zeros((4, 4), np.uint8)))
    assert (decode(png(PIL.Image.fromarray(la, "LA")), LIMITS) == GRAY).all()


def test_palette_png_gets_its_colors_and_its_transparency() -> None:
    image = PIL.Image.new("P", (4, 2), 1)
    image.putpalette([10, 20, 30, 200, 100, 50])
    assert (decode(png(image), LIMITS) == (200, 100, 50)).all()
    assert (decode(png(image, transparency=1), LIMITS) == GRAY).all()


def test_rgb_png_with_a_transparent_color_is_composited() -> None:
    picture = decode(png(quadrants(), transparency=(255, 0, 0)), LIMITS)
    assert (picture[0, 0] == GRAY).all()
    assert (picture[0, -1] == (0, 255, 0)).all()


def test_one_bit_and_interlaced_png_are_read() -> None:
    bits = PIL.Image.new("1", (5, 3), 1)
    assert (decode(png(bits), LIMITS) == 255).all()


# --- animations -------------------------------------------------------------------------------


@pytest.mark.parametrize("build", [animated_webp, animated_png])
def test_an_animation_gives_its_first_frame(build) -> None:
    body = build(scene(seed=1), scene(seed=2), scene(seed=3))
    np.testing.assert_array_equal(decode(body, LIMITS), scene(seed=1))


# --- orientation ------------------------------------------------------------------------------

TURNS = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.transpose(1, 0, 2),
    6: lambda p: np.rot90(p, -1),
    7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
    8: lambda p: np.rot90(p, 1),
}


@pytest.mark.parametrize(("orientation", "turn"), TURNS.items(), ids=map(str, TURNS))
def test_every_exif_orientation_comes_out_upright(orientation: int, turn) -> None:
    picture = decode(oriented_jpeg(orientation), LIMITS)
    assert near(picture, turn(quadrants()))
    assert picture.flags.c_contiguous
    assert header(oriented_jpeg(orientation)).orientation == orientation


@pytest.mark.parametrize("build", [png, lambda p, **o: webp(p, lossless=True, **o)])
@pytest.mark.parametrize("order", ["<", ">"])
def test_png_and_webp_orientation_is_applied_too(build, order) -> None:
    body = build(quadrants(), exif=exif(6, order))
    np.testing.assert_array_equal(decode(body, LIMITS), np.rot90(quadrants(), -1))


@pytest.mark.parametrize(
    "block",
    [
        exif(0),
        exif(9),
        exif(65_535),
        exif(6)[:20],
        b"Exif\0\0",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(40),
        b"Exif\0\0nonsense",
        b"http://ns.adobe.com/xap/1.0/\0<x/>",
    ],
)
@pytest.mark.parametrize("build", [jpeg, png, webp])
def test_broken_exif_means_upright_and_never_an_error(build, block: bytes) -> None:
    np.testing.assert_array_equal(decode(build(exif=block), LIMITS), decode(build(), LIMITS))


# --- what is refused: kind --------------------------------------------------------------------


def test_zero_bytes_are_an_empty_image() -> None:
    with pytest.raises(EmptyImage, match="zero bytes"):
        decode(b"", LIMITS)


@pytest.mark.parametrize("name", ["jpeg", "png", "webp"])
def test_kind_goes_by_magic_bytes(name: str) -> None:
    assert kind(FILES[name]) == name


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        (encoded(scene(), "GIF"), "GIF"),
        (encoded(scene(), "BMP"), "BMP"),
        (encoded(scene(), "TIFF"), "TIFF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
        (b"\0\0\0\x18ftypavif\0\0\0\0", "AVIF"),
        (b"\0\0\0\x18ftypisom\0\0\0\0", "video"),
        (b"%PDF-1.7\n", "PDF"),
        (b"<?xml version='1.0'?>\n<svg/>", "SVG"),
        (b"  <svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"<!doctype html><title>404</title>", "HTML"),
        (b"PK\3\4rest", "archive"),
        (b"/9j/4AAQSkZJRg", "base64"),
        (b"data:image/png;base64,iVBORw0KGgo", "base64"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_formats_are_refused_by_name(body: bytes, seen: str) -> None:
    with pytest.raises(UnsupportedImage, match=f"JPEG, PNG and WebP.*{seen}"):
        decode(body, LIMITS)


@pytest.mark.parametrize("body", [b"hello", b"\0" * 100, b"\xff\xd8", b"\x89PNG", b"RIFF1234WEB"])
def test_bytes_like_no_image_are_undecodable(body: bytes) -> None:
    with pytest.raises(UndecodableImage, match="do not begin like an image"):
        decode(body, LIMITS)


# --- what is refused: size --------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        huge_header_jpeg(10_000, 10_000),
        huge_header_png(10_000, 10_000),
        huge_header_webp(10_000, 10_000),
    ],
    ids=["jpeg", "png", "webp"],
)
def test_too_many_pixels_are_refused_with_the_numbers(body: bytes) -> None:
    assert header(body).pixels == 100_000_000
    with pytest.raises(ImageTooLarge, match=r"10,000 × 10,000.*100\.0 megapixels.*25\.0.*10,000"):
        decode(body, LIMITS)


@pytest.mark.parametrize("size", [(10_001, 1), (1, 10_001)])
def test_a_side_too_long_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ImageTooLarge, match="10,001"):
        decode(huge_header_png(*size), LIMITS)


def test_a_decompression_bomb_is_refused_from_its_header() -> None:
    body = bomb_png()
    assert len(body) < 100_000
    with pytest.raises(ImageTooLarge, match="400"):
        decode(body, LIMITS)


def test_sizes_at_the_limit_pass() -> None:
    assert decode(png(scene(40, 50)), Limits(max_pixels=2_000, max_side=50)).shape == (40, 50, 3)


def test_limits_above_pillows_own_cause_no_warning() -> None:
    body = huge_header_png(10_000, 9_000)
    with pytest.raises(UndecodableImage):
        decode(body, Limits(max_pixels=95_000_000))


def test_a_second_header_cannot_enlarge_the_picture() -> None:
    with pytest.raises(UndecodableImage):
        decode(two_headed_png(), LIMITS)


def test_a_header_that_promises_more_than_there_is_is_refused() -> None:
    for body in (huge_header_jpeg(2_000, 2_000), huge_header_png(2_000, 2_000)):
        with pytest.raises(UndecodableImage):
            decode(body, LIMITS)


def test_an_image_without_pixels_is_undecodable() -> None:
    for body in (huge_header_png(0, 5), huge_header_jpeg(5, 0)):
        with pytest.raises(UndecodableImage, match="no pixels"):
            decode(body, LIMITS)


# --- what is refused: damage ------------------------------------------------------------------


@each_file
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_file_is_refused(body: bytes, share: float) -> None:
    with pytest.raises(UndecodableImage, match="truncated or damaged"):
        decode(truncated(body, share), LIMITS)


@each_file
def test_a_file_without_its_last_bytes_is_refused(body: bytes) -> None:
    for cut in (1, 2, 3):
        with pytest.raises(UndecodableImage):
            decode(body[:-cut], LIMITS)


@pytest.mark.parametrize("options", [{}, {"subsampling": 0}, {"restart_marker_rows": 1}], ids=str)
@pytest.mark.parametrize("share", [0.4, 0.5, 0.9, 0.95])
def test_a_jpeg_cut_and_closed_again_is_not_half_gray(options, share, capfd) -> None:
    with pytest.raises(UndecodableImage):
        decode(closed_again(jpeg(scene(480, 640), **options), share), LIMITS)
    assert capfd.readouterr().err == ""


def test_a_progressive_jpeg_closed_in_its_first_scan_is_refused() -> None:
    body = jpeg(progressive=True)
    first = body.index(b"\xff\xda")
    second = body.index(b"\xff\xc4", first)
    with pytest.raises(UndecodableImage):
        decode(body[: (first + second) // 2] + b"\xff\xd9", LIMITS)


def test_a_stray_marker_inside_a_scan_is_refused() -> None:
    body = bytearray(jpeg())
    middle = len(body) // 2
    body[middle : middle + 2] = b"\xff\xc4"
    with pytest.raises(UndecodableImage):
        decode(bytes(body), LIMITS)


def test_a_png_chunk_with_a_wrong_checksum_is_refused() -> None:
    body = bytearray(png(compress_level=0))
    body[len(body) // 2] ^= 1
    with pytest.raises(UndecodableImage):
        decode(bytes(body), LIMITS)


def test_a_flood_of_empty_chunks_is_refused() -> None:
    flood = [(b"tEXt", b"")] * 50_000
    with pytest.raises(UndecodableImage):
        header(png_of((b"IHDR", struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0)), *flood))


def test_a_compressed_text_bomb_reaches_no_parser() -> None:
    whole = png()
    bomb = png_of((b"zTXt", b"k\0\0" + zlib.compress(bytes(80_000_000))))[8:-12]
    np.testing.assert_array_equal(decode(whole[:33] + bomb + whole[33:], LIMITS), scene())


# --- anything at all --------------------------------------------------------------------------

patches = st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=6)), min_size=1, max_size=4)


def decodes_or_refuses(body: bytes) -> None:
    try:
        picture = decode(body, SMALL)
    except ImageError as refused:
        assert str(refused).endswith(".")  # noqa: PT017
    else:
        assert picture.dtype == np.uint8
        assert picture.ndim == 3
        assert picture.shape[2] == 3


@given(body=st.sampled_from(list(FILES.values())), patches=patches)
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_mutation_decodes_or_is_an_image_error(body: bytes, patches) -> None:
    mutated = bytearray(body)
    for place, patch in patches:
        at = int(place**3 * len(body))  # more often in the headers, where the structure is
        mutated[at : at + len(patch)] = patch
    decodes_or_refuses(bytes(mutated))


@given(body=st.sampled_from(list(FILES.values())), share=st.floats(0, 1, exclude_max=True))
@settings(max_examples=150, deadline=None)
def test_no_strict_prefix_decodes(body: bytes, share: float) -> None:
    with pytest.raises(ImageError):
        decode(truncated(body, share), SMALL)


@given(
    st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x40\0\0\0WEBP"]),
    st.binary(),
)
@settings(max_examples=150, deadline=None)
def test_arbitrary_bytes_are_an_image_error(magic: bytes, rest: bytes) -> None:
    decodes_or_refuses(magic + rest)
