"""List the commands of training and evaluation, or run one: `python -m train [COMMAND ...]`."""

import ast
import runpy
import sys
from pathlib import Path

COMMANDS = (
    "explore", "clean", "ingest",
    "recipe", "fit", "transfer", "average", "quality",
    "calibrate", "evaluate", "compare", "gap", "trust", "features",
    "export", "log",
)  # fmt: skip
"""In the order of the work: data, training, measuring, publishing."""


def main(arguments: list[str]) -> None:
    """Run the command that is named, or list all."""
    if not arguments or arguments[0] in ("-h", "--help"):
        width = max(map(len, COMMANDS))
        print("usage: python -m train COMMAND ...\n")
        for command in COMMANDS:
            print(f"  {command:{width}}  {_summary(command)}")
        print("\npython -m train COMMAND --help tells more.")
        return
    command, *words = arguments
    if command not in COMMANDS:
        raise SystemExit(f"error: there is no command {command}; known: {', '.join(COMMANDS)}.")
    sys.argv[1:] = words
    runpy.run_module(f"train.{command}", run_name="__main__", alter_sys=True)


def _summary(command: str) -> str:
    """The first line of a command's docstring, read without importing what it needs."""
    source = (Path(__file__).parent / f"{command}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


if __name__ == "__main__":
    main(sys.argv[1:])
