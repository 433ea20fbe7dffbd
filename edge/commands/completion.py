"""`sentrypost completion`"""

import click
from click.shell_completion import get_completion_class

from edge.commands.completing import VARIABLE
from edge.failed import Failed

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print what SHELL needs to complete commands, options, and names that a running edge knows.

    For bash: sentrypost completion bash > /etc/bash_completion.d/sentrypost. For zsh, into a file
    _sentrypost in a folder of $fpath. For fish: ~/.config/fish/completions/sentrypost.fish.
    """
    kind = get_completion_class(shell)
    root = click.get_current_context().find_root()
    if kind is None:
        raise Failed(f"nothing is known of {shell}", "use one of bash, zsh and fish")
    click.echo(kind(root.command, {}, "sentrypost", VARIABLE).source())
