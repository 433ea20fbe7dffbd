"""Faces: one person who was named is compared with what was enrolled of her, and nobody is sought.

`api`, `messages` and `faces` are light, for the edge's own process: the standard library and
msgspec. All else here is heavy (numpy, OpenCV, dlib) and runs in the face process, or in a command
of its own.
"""
