"""Relay and input modules on a Modbus RTU line."""
