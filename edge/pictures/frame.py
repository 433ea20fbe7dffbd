"""One picture of what is kept, open."""

import msgspec


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """One picture, masked, as JPEG. `utc_us`: when the camera saw it."""

    utc_us: int
    width: int
    height: int
    jpeg: bytes

    def __repr__(self) -> str:
        return f"Frame(utc_us={self.utc_us}, {self.width}x{self.height})"
