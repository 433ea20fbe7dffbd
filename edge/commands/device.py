"""`sentrypost device`: the readers and boards on the lines, for whoever mounts and mends them."""

from importlib import import_module

import click

PARTS = {
    "accept": "edge.commands.device_service:accept",
    "list": "edge.commands.device_list:list_",
    "pair": "edge.commands.device_service:pair",
    "rekey": "edge.commands.device_service:rekey",
    "send-file": "edge.commands.device_file:send_file",
    "scan": "edge.commands.device_scan:scan_",
    "speed": "edge.commands.device_service:speed",
    "trace": "edge.commands.device_trace:trace",
    "try": "edge.commands.device_service:try_",
    "watch": "edge.commands.device_watch:watch",
}
"""Each command in a module of its own, loaded when it is used: MODULE:NAME."""


class Lazy(click.Group):
    """Its commands are those of PARTS."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(PARTS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in PARTS:
            return None
        module, _, name = PARTS[cmd_name].partition(":")
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command), "PARTS names commands"
        return command


@click.group(cls=Lazy)
def device() -> None:
    """Readers and boards: who answers, what they report, what passes on their lines."""
