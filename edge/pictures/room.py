"""How much room there has to be on the disk for pictures."""

ROOM_BYTES = 256 * 1024 * 1024
"""With less free nothing more is kept. The journal begins to go early at an eighth of it
(`edge.ballast`): pictures stop first.
"""
