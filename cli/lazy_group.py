"""A group of commands whose modules are imported when they are called: all take a second."""

from importlib import import_module
from typing import Any, ClassVar, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from cli.usage import in_own_words


class Entry(NamedTuple):
    """Where a command is, and what the list of commands says about it."""

    place: str
    """`module:name` of a function, or of a Typer application with commands of its own."""
    summary: str
    """The first sentence of the command's own help."""


class LazyGroup(TyperGroup):
    """Knows names and summaries; imports a command to run it, or to show its own help."""

    entries: ClassVar[dict[str, Entry]] = {}

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, entry in self.entries.items():
            self.add_command(TyperCommand(name, help=entry.summary))

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command that the arguments begin with, imported, and the other arguments."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, self.load(name) if name and command else None, rest

    def invoke(self, ctx: Any) -> Any:
        """Run the command that the arguments name."""
        with in_own_words():
            return super().invoke(ctx)

    @classmethod
    def load(cls, name: str) -> Any:
        """The command itself."""
        module, _, attribute = cls.entries[name].place.partition(":")
        found = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            command = typer.main.get_command(found)
        else:
            alone = typer.Typer(
                add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False
            )
            alone.command(name)(found)
            command = typer.main.get_command(alone)
        command.name = name
        return command
