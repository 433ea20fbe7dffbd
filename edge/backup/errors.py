"""What can be wrong with a backup."""


class BackupError(Exception):
    """Nothing was written, or nothing put back. `remedy` says what to do; no message holds a byte
    of a key or a passphrase.
    """

    def __init__(self, message: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(message)
