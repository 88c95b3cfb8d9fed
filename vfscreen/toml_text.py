"""Values to TOML; Python reads it (`tomllib`) and does not write it."""

from __future__ import annotations

import json
import re
from datetime import date, datetime, time
from typing import Any

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def key_text(name: str) -> str:
    """Writes a key, quoted where it must be."""
    return name if _BARE_KEY.fullmatch(name) else value_text(name)


def value_text(value: Any) -> str:
    """Writes a value on one line; a table becomes an inline table.

    Raises:
        TypeError: TOML has no such value.
    Source: toml.io/en/v1.0.0; a JSON string is a TOML basic string but for DEL, which TOML wants escaped.
    """
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
        case int() | float():
            return repr(value)
        case datetime() | date() | time():
            return value.isoformat()
        case list() | tuple():
            return f"[{', '.join(value_text(item) for item in value)}]"
        case dict():
            return (
                f"{{{', '.join(f'{key_text(name)} = {value_text(item)}' for name, item in value.items())}}}"
            )
        case _:
            raise TypeError(f"TOML has no {type(value).__name__}")
