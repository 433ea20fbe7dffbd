"""sqlite-utils, without numpy: whatever of ours wants it takes it from here.

sqlite-utils imports numpy wherever that is installed, to know the types of its columns; so would
every process of an edge with cameras, which keeps numpy to its child processes. To import what
stands in `sys.modules` as None fails as if it were not installed, and sqlite-utils goes without.
"""

import sys

_UNWANTED = "numpy"

_hidden = _UNWANTED not in sys.modules
if _hidden:
    sys.modules[_UNWANTED] = None  # type: ignore[assignment]  # as the import system has it
try:
    from sqlite_utils import Database
    from sqlite_utils.migrations import Migrations
finally:
    if _hidden:
        del sys.modules[_UNWANTED]

__all__ = ["Database", "Migrations"]
