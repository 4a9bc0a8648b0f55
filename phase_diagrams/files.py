"""Files that are never half written."""

from __future__ import annotations

import os
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

__all__ = ["checked_path", "replace_file", "write_text"]


def checked_path(path: str | PathLike[str], suffix: str) -> Path:
    """The path, if it has the suffix.

    Raises
    ------
    ValueError
        If it has another one.
    """
    path = Path(path)
    if path.suffix != suffix:
        raise ValueError(f"path = {str(path)!r} must end in {suffix}: {path.with_suffix(suffix).name}")
    return path


def write_text(text: str, path: str | PathLike[str] | None, suffix: str) -> str:
    """Write a text to a path with this suffix, if there is one, and return it."""
    if path is not None:
        replace_file(checked_path(path, suffix), lambda part: part.write_text(text, encoding="utf-8"))
    return text


def replace_file(path: Path, write: Callable[[Path], Any]) -> None:
    """Write a file so that it is never half written, nor an older one lost by a failure."""
    part = path.with_name(path.name + ".part")
    try:
        write(part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
