"""One emulated machine: started, asked for commands inside, cut off, ended.

qemu runs it and swtpm is its TPM. Commands go through qemu's guest agent, which is no part of what
is looked at: it needs no network, and no service of ours.
"""

import asyncio
import base64
import json
import random
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

AGENT_PORT = "org.qemu.guest_agent.0"

UP_WITHIN_S = 600.0
"""From power to commands, by software alone on a busy machine; 50 s were seen."""

COMMAND_WITHIN_S = 900.0
POLL_S = 0.2
ANSWER_WITHIN_S = 20.0

MEMORY_MIB = 1536
PROCESSORS = 2


class MachineError(Exception):
    """The machine does not come up, or a command in it failed."""


class Ran(NamedTuple):
    """A command that has ended inside."""

    status: int
    said: str


class Image(NamedTuple):
    """What requirements/machine.sh leaves in a folder."""

    folder: Path

    @property
    def python(self) -> str:
        """The version inside, as 3.11."""
        return (self.folder / "python-version").read_text().strip()


class Computer:
    """One machine, an asynchronous context manager. `folder`: its own, for sockets and disks.

    `disks` come behind the system's, as /dev/vdb and so on; what is written to the system's disk is
    gone when the machine ends, and outlives a start of its own. `port`: the terminal that is its
    second serial port.
    """

    def __init__(self, image: Image, folder: Path, disks: Sequence[Path], port: Path) -> None:
        self.console = folder / "console.log"
        self._image = image
        self._folder = folder
        self._disks = tuple(disks)
        self._port = port
        self._processes: list[asyncio.subprocess.Process] = []
        self._agent: Agent | None = None

    async def __aenter__(self) -> "Computer":
        try:
            await self._start_tpm()
            await self._spawn(*self._command())
            await self.until_up()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._agent is not None:
            self._agent.close()
        for process in reversed(self._processes):
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def until_up(self) -> None:
        """It has started and takes commands."""
        if self._agent is not None:
            self._agent.close()
            self._agent = None
        async with asyncio.timeout(UP_WITHIN_S):
            while self._agent is None:
                if any(process.returncode is not None for process in self._processes):
                    raise MachineError(f"qemu ended: {(self._folder / 'said').read_text()}")
                self._agent = await Agent.reached(self._folder / "agent.sock")

    async def run(self, command: str, within_s: float = COMMAND_WITHIN_S) -> Ran:
        """A shell's command, as root."""
        assert self._agent is not None, "it is up"
        async with asyncio.timeout(within_s):
            return await self._agent.run(command)

    async def check(self, command: str, within_s: float = COMMAND_WITHIN_S) -> str:
        """The same, for what must not fail: what it said."""
        ran = await self.run(command, within_s)
        if ran.status != 0:
            raise MachineError(f"status {ran.status} of: {command}\n{ran.said}")
        return ran.said.strip()

    async def restart(self) -> None:
        """In good order, as `systemctl reboot` does it."""
        before = await self.check("cat /proc/sys/kernel/random/boot_id")
        # It may be down before it has answered.
        with suppress(TimeoutError):
            await self.run("systemctl --no-block reboot", ANSWER_WITHIN_S)
        await self._until_another_start(before)

    async def cut(self) -> None:
        """The power goes and comes: nobody in it is asked."""
        before = await self.check("cat /proc/sys/kernel/random/boot_id")
        reader, writer = await asyncio.open_unix_connection(str(self._folder / "monitor.sock"))
        for command in ("qmp_capabilities", "system_reset"):
            writer.write(json.dumps({"execute": command}).encode() + b"\n")
            await writer.drain()
            while "return" not in json.loads(await reader.readline()):
                pass
        writer.close()
        await self._until_another_start(before)

    async def _until_another_start(self, before: str) -> None:
        async with asyncio.timeout(UP_WITHIN_S):
            while True:
                await self.until_up()
                try:
                    async with asyncio.timeout(ANSWER_WITHIN_S):
                        if await self.check("cat /proc/sys/kernel/random/boot_id") != before:
                            return
                except (TimeoutError, MachineError, OSError, ValueError):
                    await asyncio.sleep(1)

    async def _start_tpm(self) -> None:
        home = self._folder / "tpm"
        home.mkdir()
        state, control = f"dir={home}", f"type=unixio,path={self._folder / 'tpm.sock'}"
        await self._spawn("swtpm", "socket", "--tpm2", "--tpmstate", state, "--ctrl", control)
        async with asyncio.timeout(60):
            while not (self._folder / "tpm.sock").exists():
                await asyncio.sleep(0.05)

    def _command(self) -> list[str]:
        image, folder = self._image.folder, self._folder
        system = f"file={image / 'disk'},if=virtio,format=raw,snapshot=on"
        drives = (system, *(f"file={disk},if=virtio,format=raw" for disk in self._disks))
        sockets = {"agent": "agent.sock", "monitor": "monitor.sock"}
        return [
            *("qemu-system-x86_64", "-no-user-config", "-nodefaults", "-nographic"),
            # Software alone. Where /dev/kvm is there it need not work, as in a machine of a cloud.
            *("-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max"),
            *("-smp", str(PROCESSORS), "-m", str(MEMORY_MIB)),
            *("-kernel", str(image / "vmlinuz"), "-initrd", str(image / "initrd")),
            *("-append", "root=/dev/vda rw console=ttyS0 panic=5"),
            *(word for drive in drives for word in ("-drive", drive)),
            *("-serial", f"file:{self.console}"),
            *("-chardev", f"serial,id=line,path={self._port}", "-serial", "chardev:line"),
            *("-chardev", f"socket,id=tpm,path={folder / 'tpm.sock'}"),
            *("-tpmdev", "emulator,id=tpm0,chardev=tpm", "-device", "tpm-crb,tpmdev=tpm0"),
            *(
                word
                for name, file in sockets.items()
                for word in (
                    "-chardev",
                    f"socket,id={name},path={folder / file},server=on,wait=off",
                )
            ),
            *("-device", "virtio-serial"),
            *("-device", f"virtserialport,chardev=agent,name={AGENT_PORT}"),
            *("-mon", "chardev=monitor,mode=control"),
        ]

    async def _spawn(self, *command: str) -> None:
        with (self._folder / "said").open("ab") as said:
            self._processes.append(
                await asyncio.create_subprocess_exec(*command, stdout=said, stderr=said)
            )


class Agent:
    """The guest agent's end of its socket: https://qemu.readthedocs.io, “QEMU Guest Agent”."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def reached(cls, path: Path) -> "Agent | None":
        """None where it does not answer within some seconds."""
        try:
            reader, writer = await asyncio.open_unix_connection(str(path), limit=1 << 26)
        except OSError:
            await asyncio.sleep(0.5)
            return None
        agent = cls(reader, writer)
        try:
            async with asyncio.timeout(10):
                await agent._greet()
        except (TimeoutError, OSError, ValueError):
            agent.close()
            return None
        return agent

    async def run(self, command: str) -> Ran:
        """Both of its outputs, one behind the other."""
        options = {"path": "/bin/bash", "arg": ["-c", command], "capture-output": True}
        pid = (await self._ask("guest-exec", options))["pid"]
        while not (ended := await self._ask("guest-exec-status", {"pid": pid}))["exited"]:
            await asyncio.sleep(POLL_S)
        parts = (base64.b64decode(ended.get(name, "")) for name in ("out-data", "err-data"))
        said = b"".join(parts).decode(errors="replace")
        return Ran(int(ended.get("exitcode", -1)), said)

    def close(self) -> None:
        self._writer.close()

    async def _greet(self) -> None:
        """What an earlier one was still to be told is read and thrown away."""
        mark = random.SystemRandom().randrange(1 << 30)
        self._writer.write(b"\xff")
        self._send("guest-sync-delimited", {"id": mark})
        while True:
            line = await self._reader.readline()
            if not line:
                raise ConnectionResetError("the agent's port was closed")
            if json.loads(line.lstrip(b"\xff")).get("return") == mark:
                return

    def _send(self, name: str, arguments: dict[str, Any]) -> None:
        self._writer.write(json.dumps({"execute": name, "arguments": arguments}).encode() + b"\n")

    async def _ask(self, name: str, arguments: dict[str, Any]) -> Any:
        self._send(name, arguments)
        answer = json.loads(await self._reader.readline())
        if "return" not in answer:
            raise MachineError(f"{name}: {answer.get('error')}")
        return answer["return"]
