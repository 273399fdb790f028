"""Messages of the library, to Python's logging.

They are logged by "axelera.runtime", the name that programs know, whose parent is made "polymetis": handlers and levels of either count.
"""

from __future__ import annotations

import logging

TRACE, LOG, FIXME = 5, 7, 25
_LEVELS = (TRACE, LOG, logging.DEBUG, logging.INFO, FIXME, logging.WARNING, logging.ERROR)

logger = logging.getLogger("axelera.runtime")
logger.parent = logging.getLogger("polymetis")
for _level, _name in ((TRACE, "TRACE"), (LOG, "LOG"), (FIXME, "FIXME")):
    if logging.getLevelName(_level) == f"Level {_level}":
        logging.addLevelName(_level, _name)


def emit(level: int, message: str) -> None:
    """Logs a message of the library."""
    logger.log(_LEVELS[level], "%s", message)


def lowest_level() -> int:
    """The lowest level that is worth sending: info, or less where logging wants it now."""
    wanted = logger.getEffectiveLevel()
    return min(number for number, level in enumerate(_LEVELS) if level >= min(wanted, logging.INFO))
