"""A small file system that can be filled and made read-only; only root may mount one."""

import subprocess
from pathlib import Path


class Tmpfs:
    """Mounted on `path` until `unmount`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.mounted = self._mount("-t", "tmpfs", "-o", "size=2m", "tmpfs")

    def remount(self, option: str) -> None:
        assert self._mount("-o", f"remount,{option}")

    def unmount(self) -> None:
        subprocess.run(["umount", self.path], check=True, capture_output=True)

    def _mount(self, *arguments: str) -> bool:
        try:
            run = subprocess.run(["mount", *arguments, self.path], check=False, capture_output=True)
        except FileNotFoundError:
            return False
        return run.returncode == 0
