"""Records of a long run, one line a step, in a file that survives the death of the process at any moment."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

__all__ = ["Journal"]


class Journal:
    """Records of one run, in order.

    Each is a line of JSON and is on the disk before `append` returns; a line that was cut short is dropped, that is
    the step in which the process died.

    Parameters
    ----------
    path : str or path
        Made if it does not exist.
    run : str
        What tells this run from others; it is the first line.

    Raises
    ------
    ValueError
        If the file holds another run, or something else.
    OSError
        If it cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], run: str) -> None:
        self._path = Path(path)
        if self._path.is_dir():
            raise IsADirectoryError(f"store = {str(path)!r} is a folder: give the name of a file in it")
        content = self._path.read_bytes() if self._path.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        self.records: list[Any] = []
        if whole:
            try:
                first, *self.records = [json.loads(line) for line in whole.splitlines()]
            except ValueError as error:
                raise ValueError(f"store = {str(path)!r} holds something else: give the name of a new file") from error
            if first != {"run": run}:
                raise ValueError(f"store = {str(path)!r} holds another run (or one of another version): give the name "
                                 "of a new file, or the arguments of that run")
        elif content and not json.dumps({"run": run}).encode().startswith(content):  # a first line cut short
            raise ValueError(f"store = {str(path)!r} holds something else: give the name of a new file")
        if len(whole) < len(content):
            os.truncate(self._path, len(whole))
        if not whole:
            self._write({"run": run})

    def append(self, record: Any) -> None:
        """Keep a record."""
        self._write(record)
        self.records.append(record)

    def _write(self, value: Any) -> None:
        with open(self._path, "ab") as file:
            file.write(json.dumps(value).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
