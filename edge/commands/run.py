"""`sentrypost run`"""

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.commands.common import (
    Failed,
    Misconfigured,
    config_option,
    failed_by,
    state_named_in,
)
from edge.failed import FAILED

if TYPE_CHECKING:
    from edge.config import Config

log = logging.getLogger(__name__)


def servable(config: Path) -> "Config":
    """The site file; where its policy alone has mistakes, with one that was in force before.

    Prints every mistake and raises Misconfigured where that does not help.
    """
    from edge.commands.check import loaded
    from edge.config import ConfigError
    from edge.policy_start import load_servable

    try:
        return load_servable(config, state_named_in(config))
    except (ConfigError, Misconfigured):
        return loaded(config)


@click.command()
@config_option
def run(config: Path) -> None:
    """Run the edge: guard the site until SIGTERM or Ctrl-C.

    Its commentary goes to standard error as JSON lines; what happened stands in the journal.
    """
    import asyncio
    import faulthandler

    from edge.app import EdgeFailedError, serve
    from edge.control.listening import ControlError
    from edge.journal import JournalError
    from edge.lines import LineError
    from edge.logs import start_logging
    from edge.people import PeopleError, SiteKeyError
    from edge.process import keep_memory_private

    missed = keep_memory_private()
    # A watchdog's SIGABRT leaves no core, and the stacks: places in the code and no values.
    faulthandler.enable()
    site = servable(config)
    commentary = start_logging()
    for what in missed:
        log.warning("%s", what)
    status = FAILED
    try:
        asyncio.run(serve(site))
        status = 0
    except (LineError, SiteKeyError) as error:
        raise Misconfigured(str(error), f"mend {config}") from error
    except (JournalError, PeopleError, ControlError) as error:
        raise failed_by(error) from error
    except EdgeFailedError as error:
        remedy = "start it again; if it ends again, report the line above that has a trace"
        raise Failed(f"the edge ended: {error}", remedy) from error
    except OSError as error:
        raise Failed(f"the edge ended: {error}", "see the lines above") from error
    finally:
        if not commentary.finish():
            # Nobody reads standard error, and a last word there would keep the process for ever.
            os._exit(status)
