"""
Manual pages, in the macros of man(7).
"""

from __future__ import annotations

import re

from .programs import Option, commands, plugin, program, split

#: What holds for each command.
EXIT_STATUS = (
    "0 when the command succeeded, 1 when it failed, and 2 when the command line is wrong. With 1 "
    "and 2, one line on standard error gives the reason."
)

SIGNALS = [
    ("SIGTERM, SIGINT", "The node stops in order, within the time of --stop-within."),
    (
        "SIGHUP",
        "The file of --log-file is opened again, and other files are read again. If standard input "
        "is a terminal, the node ends.",
    ),
]


def dwdht() -> str:
    """The manual page of ``dwdht``."""
    whole = program()
    lines = [
        *_head("dwdht", whole.summary),
        *("SH SYNOPSIS", "B dwdht"),
        "[options] COMMAND [options] [arguments]",
        *("SH DESCRIPTION", whole.text),
        *("SH OPTIONS", *_options(whole.options)),
        "SH COMMANDS",
    ]
    for each in commands():
        lines += [f"SS {each.name} {each.synopsis}", each.text]
        own, shared = split(each)
        lines += _options(own)
        if shared:
            names = ", ".join(f"--{name}" for name in shared)
            lines += ["PP", f"Also: {names}. See OPTIONS."]
    lines += [
        *("SH EXIT STATUS", EXIT_STATUS),
        *("SH ENVIRONMENT", "TP", "B DWDHT_BOOTSTRAP"),
        "The bootstrap nodes without --bootstrap, with commas or spaces between them.",
        "SH SIGNALS OF A NODE",
        *_signals(),
        *("SH SEE ALSO", "BR twistd-dwdht (1)"),
    ]
    return _text(lines)


def twistd() -> str:
    """The manual page of ``twistd dwdht``."""
    whole = plugin()
    return _text(
        [
            *_head("twistd-dwdht", whole.summary),
            *("SH SYNOPSIS", "B twistd"),
            "[options of twistd]",
            "B dwdht",
            "[options]",
            *("SH DESCRIPTION", whole.text),
            *("SH OPTIONS", *_options(whole.options)),
            "SH EXIT STATUS",
            "0 after SIGTERM and SIGINT. 1 when the command line is wrong, the node can't start, "
            "or the stop took too long; one line gives the reason.",
            *("SH SIGNALS", *_signals()),
            *("SH SEE ALSO", "BR dwdht (1),", "BR twistd (1)"),
        ]
    )


def _head(name: str, summary: str) -> list[str]:
    return [f'TH {name.upper()} 1 "" dwdht_twisted', "SH NAME", f"{name} - {summary}"]


def _options(options: list[Option]) -> list[str]:
    return [line for each in options for line in ("TP", f"B {each.shown}", each.full)]


def _signals() -> list[str]:
    return [line for name, text in SIGNALS for line in ("TP", f"B {name}", text)]


def _text(lines: list[str]) -> str:
    """Put a dot before each macro, and escape what roff would read as one of its own."""
    done = ['.\\" Made by python -m contrib. Do not edit.']
    for line in lines:
        macro = re.match(r"(TH|SH|SS|TP|PP|BR|B)\b", line)
        done.append(f".{_escaped(line)}" if macro else _escaped(line))
    return "\n".join(done) + "\n"


def _escaped(line: str) -> str:
    line = line.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga")
    return re.sub(r"^([.'])", r"\\&\1", line)
