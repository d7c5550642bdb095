"""
Completions of the command line ``dwdht``, for bash, zsh and fish.
"""

from __future__ import annotations

from .programs import FILES, FOLDERS, WORDS, Option, commands, program

_MADE = "# Made by python -m contrib. Do not edit."


def bash() -> str:
    """The completion for bash."""
    every = [program(), *commands()]
    values = sorted({each.name for command in every for each in command.options if not each.isFlag})
    others = [name for name in values if name not in WORDS and name not in FILES | FOLDERS]
    cases = [
        f"        --{name}) COMPREPLY=($(compgen -W '{' '.join(words)}' -- \"$word\")); return ;;"
        for name, words in sorted(WORDS.items())
    ]
    options = [
        f"        {command.name}) options='{_flags(command.options)}' ;;" for command in commands()
    ]
    return f"""{_MADE}
_dwdht() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}}
    local command= options each
    COMPREPLY=()
    case $before in
{chr(10).join(cases)}
        {_either(FOLDERS)}) COMPREPLY=($(compgen -d -- "$word")); return ;;
        {_either(FILES)}) COMPREPLY=($(compgen -f -- "$word")); return ;;
        {_either(others)}) return ;;
    esac
    for each in "${{COMP_WORDS[@]:1:COMP_CWORD - 1}}"; do
        case $each in
            {"|".join(command.name for command in commands())}) command=$each; break ;;
        esac
    done
    case $command in
{chr(10).join(options)}
        *) options='{_flags(program().options)}'
           [[ $word == -* ]] || options='{" ".join(command.name for command in commands())}' ;;
    esac
    [[ -n $command && $word != -* ]] || COMPREPLY=($(compgen -W "$options" -- "$word"))
}}
complete -o default -F _dwdht dwdht
"""


def zsh() -> str:
    """The completion for zsh."""
    names = "\n".join(f"        {_quoted(f'{each.name}:{each.summary}')}" for each in commands())
    cases = "\n".join(
        f"                {each.name})\n"
        f"                    _arguments {_specs(each.options)} '*: :_default' ;;"
        for each in commands()
    )
    return f"""#compdef dwdht
{_MADE}
_dwdht() {{
    local state line
    local -a names=(
{names}
    )
    _arguments -C {_specs(program().options)} '1: :->command' '*:: :->arguments'
    case $state in
        command) _describe command names ;;
        arguments)
            case $line[1] in
{cases}
            esac ;;
    esac
}}
_dwdht "$@"
"""


def fish() -> str:
    """The completion for fish."""
    lines = [_MADE, "complete -c dwdht -f"]
    first = "-n __fish_use_subcommand"
    lines += [
        f"complete -c dwdht {first} -a {each.name} -d {_quoted(each.summary)}"
        for each in commands()
    ]
    lines += [f"complete -c dwdht {first} {_fishOption(each)}" for each in program().options]
    for command in commands():
        seen = f"-n '__fish_seen_subcommand_from {command.name}'"
        lines += [f"complete -c dwdht {seen} {_fishOption(each)}" for each in command.options]
    return "\n".join(lines) + "\n"


def _flags(options: list[Option]) -> str:
    return " ".join(f"--{each.name}" for each in options)


def _either(names: set[str] | list[str]) -> str:
    return "|".join(f"--{name}" for name in sorted(names))


def _specs(options: list[Option]) -> str:
    return " ".join(_spec(each) for each in options)


def _spec(option: Option) -> str:
    text = option.text.replace("[", "(").replace("]", ")").replace(":", "\\:")
    if option.isFlag:
        return _quoted(f"--{option.name}[{text}]")
    if option.name in WORDS:
        action = f"({' '.join(WORDS[option.name])})"
    elif option.name in FOLDERS:
        action = "_directories"
    else:
        action = "_files" if option.name in FILES else ""
    repeated = "*" if "may be repeated" in option.text else ""
    return _quoted(f"{repeated}--{option.name}=[{text}]:{option.placeholder}:{action}")


def _fishOption(option: Option) -> str:
    line = f"-l {option.name} -d {_quoted(option.text)}"
    if option.isFlag:
        return line
    if option.name in WORDS:
        return f"{line} -x -a {_quoted(' '.join(WORDS[option.name]))}"
    return f"{line} -r" + (" -F" if option.name in FILES | FOLDERS else "")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
