"""How this edge is known to its broker, by its site file."""

from functools import partial

from drivers.mqtt_link import LinkSettings
from edge.config import Config
from edge.site_file import Mqtt
from edge.tls import context


def broker_settings(config: Config, client_id: str = "") -> LinkSettings | None:
    """For a link; None where the site file names no broker. `client_id`: another than the edge's
    own, which the broker knows once: a second connection under it ends the first.
    """
    if config.broker is None:
        return None
    return LinkSettings(
        host=config.broker.host,
        port=config.broker.port,
        others=config.broker_nodes,
        client_id=client_id or f"{config.site}.{config.edge}",
        username=config.broker.username,
        password=config.broker_password,
        tls=None if config.tls is None else partial(context, config.tls),
        is_mqtt5=config.broker.mqtt is Mqtt.V5,
    )
