"""Readers, inputs and locks at an MQTT broker of the site's own: docs/mqtt-devices.md."""
