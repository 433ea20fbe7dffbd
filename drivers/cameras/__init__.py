"""Cameras: pictures from whatever sends them, each in a process of its own."""
