"""What an integrator says about a Modbus line and the modules on it."""

import msgspec

from drivers.modbus.messages import ADDRESS_MAX, ADDRESS_MIN

BAUDS = (4800, 9600, 19200, 38400, 57600, 115200)  # what modules on the market can be set to
MODULES_AT_9600_MAX = 4
"""A reading takes 40 ms at 9600 baud: with four and a dead one among them a contact that is open
for 400 ms is still seen."""
MODULES_MAX = 8  # half of them dead, and each is asked within two seconds of its return
POINTS_MAX = 64  # inputs or outputs of one module; the largest on the market have 32
POLL_MS_MIN, POLL_MS_MAX = 10, 500


class ModuleConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One module. `flash`: it knows Waveshare's timed commands."""

    name: str
    address: int
    inputs: int = 0
    outputs: int = 0
    flash: bool = False

    def __post_init__(self) -> None:
        if not ADDRESS_MIN <= self.address <= ADDRESS_MAX:
            raise ValueError(f"device {self.name}: address must be {ADDRESS_MIN}..{ADDRESS_MAX}")
        if not (0 <= self.inputs <= POINTS_MAX and 0 <= self.outputs <= POINTS_MAX):
            raise ValueError(f"device {self.name}: 0..{POINTS_MAX} inputs and outputs")
        if self.inputs + self.outputs == 0:
            raise ValueError(f"device {self.name}: say how many inputs and outputs it has")


class LineConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One line. `poll_ms`: rest between two readings of a module."""

    port: str
    modules: tuple[ModuleConfig, ...]
    baud: int = 9600
    poll_ms: int = 50

    def __post_init__(self) -> None:
        if self.baud not in BAUDS:
            raise ValueError(f"{self.port}: baud must be one of {BAUDS}")
        if not POLL_MS_MIN <= self.poll_ms <= POLL_MS_MAX:
            raise ValueError(f"{self.port}: poll-ms must be {POLL_MS_MIN}..{POLL_MS_MAX}")
        most = MODULES_AT_9600_MAX if self.baud <= 9600 else MODULES_MAX
        if not 1 <= len(self.modules) <= most:
            raise ValueError(
                f"{self.port}: {len(self.modules)} modules at {self.baud} baud, 1 to {most} fit; "
                "raise the speed of line and modules, or split the line"
            )
        for what in ("name", "address"):
            if len({getattr(module, what) for module in self.modules}) != len(self.modules):
                raise ValueError(f"{self.port}: two modules have the same {what}")
