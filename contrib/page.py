"""
The page of the manual on all commands and their options.
"""

from __future__ import annotations

from textwrap import fill

from .man import EXIT_STATUS
from .programs import Command, Option, commands, plugin, program, split

#: The width of a line of text.
WIDTH = 120


def page() -> str:
    """The page, in reStructuredText."""
    whole = program()
    parts = [
        ".. Made by python -m contrib. Do not edit.\n",
        _title("Commands and options", "="),
        fill(
            "The help of each program, as ``dwdht --help``, ``dwdht COMMAND --help`` and ``twistd "
            "dwdht --help`` show it. `Operations <operations.rst>`_ explains it. ``contrib/man`` "
            "has the manual pages dwdht(1) and twistd-dwdht(1), and ``contrib/completions`` has "
            "completions for bash, zsh and fish. A wheel installs all of them below ``share``.",
            WIDTH,
        )
        + "\n",
        f"The exit status is {EXIT_STATUS}\n",
        _section("dwdht", whole, "dwdht [options] COMMAND"),
    ]
    parts += [
        _section(f"dwdht {each.name}", each, f"dwdht {each.name} {each.synopsis}")
        for each in commands()
    ]
    parts.append(_section("twistd dwdht", plugin(), "twistd [options of twistd] dwdht [options]"))
    return "\n".join(parts)


def _section(title: str, command: Command, synopsis: str) -> str:
    text = fill(_literal(command.text), WIDTH, break_on_hyphens=False)
    own, shared = split(command) if title.startswith("dwdht ") else (command.options, [])
    if shared:
        names = ", ".join(f"``--{name}``" for name in shared)
        text += "\n\n" + fill(f"It also takes {names} of `dwdht`_.", WIDTH, break_on_hyphens=False)
    return (
        f"\n{_title(title, '-')}\n.. code-block:: text\n\n   {synopsis}\n\n{text}\n\n"
        + "\n".join(_option(each) for each in own)
    )


def _option(option: Option) -> str:
    text = fill(
        _literal(option.full),
        WIDTH,
        initial_indent="   ",
        subsequent_indent="   ",
        break_on_hyphens=False,
    )
    return f"``{option.shown}``\n{text}\n"


def _literal(text: str) -> str:
    """The text with its quotations as literals."""
    return text.replace("`", "``").replace("*", "\\*").replace("_dht", "\\_dht")


def _title(text: str, line: str) -> str:
    return f"{text}\n{line * len(text)}\n"
