"""Reads TOML files; an error names the line and the remedy."""

import os
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from offers.findings import findings_in

ModelT = TypeVar("ModelT", bound=BaseModel)


class InvalidFile(Exception):
    """An invalid file.  The text names the file, the line and the remedy."""


def read_toml(path: Path, model: type[ModelT]) -> ModelT:
    """Read and validate a file; raises InvalidFile."""
    try:
        text = path.read_text(encoding="utf-8")
        return model.model_validate(tomllib.loads(text))
    except OSError as error:
        raise InvalidFile(f"{path.absolute()}: {os.strerror(error.errno or 0)}") from None
    except UnicodeDecodeError as error:
        raise InvalidFile(f"{path}: it is not text in UTF-8 (byte {error.start})") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidFile(f"{path}: it is not TOML: {error}") from None
    except ValidationError as error:
        raise InvalidFile(
            "\n".join(
                f"{path}{_line(text, details['loc'])}: {finding}"
                for details, finding in zip(
                    error.errors(include_url=False), findings_in(error), strict=True
                )
            )
        ) from None


def _line(text: str, place: Sequence[str | int]) -> str:
    """`, line 7` for the deepest part of a location that the file contains; else empty."""
    names = [part for part in place if isinstance(part, str)]
    found = 0
    table: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[+\s*([^\]]+?)\s*\]", line):
            table = _path(header[1])
            if table and table == names[: len(table)]:
                found = number
        elif key := re.match(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*[\w-]+)*)\s*=""", line):
            path = [*table, *_path(key[1])]
            if path == names[: len(path)]:
                found = number
    return f", line {found}" if found else ""


def _path(dotted: str) -> list[str]:
    return [part.strip().strip("\"'") for part in dotted.split(".")]
