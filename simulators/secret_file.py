"""Keys of a made-up site, as an installer leaves them."""

from pathlib import Path


def write_secret(file: Path, content: bytes) -> None:
    """A file for nobody but its owner, at no moment for anybody else."""
    file.touch(mode=0o600)
    file.chmod(0o600)
    file.write_bytes(content)
