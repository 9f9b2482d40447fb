"""Logos: which files are taken for one. No ORM.

PNG and JPEG only, known by their content and not by a name: an SVG may carry scripts and refer to other files.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from core.errors import DomainError
from core.typesetting import is_image

LARGEST_LOGO_BYTES = 256 * 1024
LARGEST_LOGO_PIXELS = 1_000_000
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
LARGEST_PROFILE_BYTES = 1024 * 1024
JPEG_SIGNATURE = b"\xff\xd8\xff"
JPEG_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
"""The markers of the segments that tell the size of a JPEG (ITU T.81, table B.1)."""


class LogoInvalid(DomainError):
    """The file is no image that a page can show."""

    code = "logo_invalid"
    title = "Not a logo"
    default_detail = "A logo is a PNG or JPEG of at most 256 KiB and one million pixels."


@dataclass(frozen=True)
class Picture:
    """What a file turned out to be; sizes in pixels."""

    media_type: str
    width: int
    height: int


def read_logo(content: bytes) -> Picture:
    """What kind of image `content` is, and its size. Raises LogoInvalid unless it can be shown on a page."""
    if len(content) > LARGEST_LOGO_BYTES:
        raise LogoInvalid(field="logo")
    picture = picture_of(content)
    # Sizes before pixels: a few bytes can claim to be an image, or a profile of its colours, that fills the memory.
    if picture is None or not 0 < picture.width * picture.height <= LARGEST_LOGO_PIXELS:
        raise LogoInvalid(field="logo")
    if picture.media_type == "image/png" and not all(map(_is_small_profile, _profiles(content))):
        raise LogoInvalid("The colour profile of the image is too large: save it without one.", field="logo")
    if not is_image(content, picture.media_type.removeprefix("image/")):
        raise LogoInvalid("The file is damaged: the image in it cannot be read.", field="logo")
    return picture


def picture_of(content: bytes) -> Picture | None:
    """What the head of the file says that it is, or None where it is neither PNG nor JPEG."""
    if content.startswith(PNG_SIGNATURE) and len(content) >= 24:
        width, height = struct.unpack(">II", content[16:24])
        return Picture("image/png", width, height)
    if content.startswith(JPEG_SIGNATURE):
        return _jpeg(content)
    return None


def _profiles(content: bytes) -> Iterator[bytes]:
    """The packed colour profiles of a PNG, of which there should be one at most: name, method and data of each."""
    position = len(PNG_SIGNATURE)
    while position + 8 <= len(content):
        length = int.from_bytes(content[position : position + 4])
        if content[position + 4 : position + 8] == b"iCCP":
            yield content[position + 8 : position + 8 + length]
        position += 12 + length


def _is_small_profile(profile: bytes) -> bool:
    """Whether the profile unpacks to no more than a profile needs; unpacked no further than that."""
    packed = profile.partition(b"\0")[2][1:]
    try:
        return len(zlib.decompressobj().decompress(packed, LARGEST_PROFILE_BYTES + 1)) <= LARGEST_PROFILE_BYTES
    except zlib.error:
        return False


def _jpeg(content: bytes) -> Picture | None:
    """The size stands in the first frame, behind segments that each tell their length."""
    position = 2
    while position + 9 <= len(content) and content[position] == 0xFF:
        marker, length = content[position + 1], int.from_bytes(content[position + 2 : position + 4])
        if marker in JPEG_FRAMES:
            height, width = struct.unpack(">HH", content[position + 5 : position + 9])
            return Picture("image/jpeg", width, height)
        position += 2 + length
    return None
