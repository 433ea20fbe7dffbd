"""The embedded broker as a process: `python -m simulators.broker --port N`.

Prints one line of JSON, `{"port": N}`, once it listens; ends with status 0 at SIGTERM or SIGINT.
"""

import asyncio
import json
import logging
import signal
import sys
from importlib import metadata

import click

# The wrapper overrides private names of exactly this version.
AMQTT_VERSION = "0.12.1"
# How long the clients get to be told goodbye.
SHUTDOWN_TIMEOUT_S = 5.0


class WrongAmqttError(RuntimeError):
    """amqtt is not there, or not the version that the wrapper was written against."""

    def __init__(self, found: str) -> None:
        super().__init__(
            f"The embedded broker needs amqtt {AMQTT_VERSION} and found {found}: "
            f"run `make demo`, or pip install 'sentrypost[demo]'; a site uses Mosquitto"
        )


def check_amqtt_version() -> None:
    """
    :raises WrongAmqttError: naming the remedy
    """
    try:
        found = metadata.version("amqtt")
    except metadata.PackageNotFoundError:
        raise WrongAmqttError("none") from None
    if found != AMQTT_VERSION:
        raise WrongAmqttError(found)


def _quiet() -> None:
    """Warnings of ours only: amqtt reports each connection that ends as an error."""
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    for name in ("amqtt", "transitions"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """What a task of amqtt left behind: a connection that ended under it is no news."""
    from amqtt.errors import AMQTTError  # only the right version is imported

    if not isinstance(context.get("exception"), (OSError, AMQTTError)):
        loop.default_exception_handler(context)


async def serve(port: int, pending_max: int) -> None:
    """Serve 127.0.0.1 until SIGTERM or SIGINT.

    :param port: 0 takes a free one
    :param pending_max: messages that may wait for one client
    """
    from simulators.embedded_broker import HardenedBroker  # only the right version is imported

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_report)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    broker = HardenedBroker(port, pending_max)
    await broker.start()
    sys.stdout.write(json.dumps({"port": broker.port}) + "\n")
    sys.stdout.flush()
    await stop.wait()
    try:
        async with asyncio.timeout(SHUTDOWN_TIMEOUT_S):
            await broker.shutdown()
    except TimeoutError:
        logging.getLogger(__name__).warning("clients did not let go; ended all the same")


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0 takes a free one.")
@click.option("--pending-max", type=click.IntRange(1, 60_000), default=5_000, show_default=True)
def main(port: int, pending_max: int) -> None:
    """An MQTT 3.1.1 broker on loopback, for the demo and the tests."""
    _quiet()
    try:
        check_amqtt_version()
    except WrongAmqttError as error:
        raise click.ClickException(str(error)) from error
    asyncio.run(serve(port, pending_max))


if __name__ == "__main__":
    main()
