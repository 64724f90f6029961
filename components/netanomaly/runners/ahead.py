"""A stage's interpreter started while the stages before it still run: it imports first, and is told its inputs later.

    python ahead.py MODULE RUN_DIR        (RUN_DIR is there for who looks at the list of processes)

Standard input brings one line, the stage's arguments as a JSON list; its end without one ends the process.
"""

import importlib
import json
import os
import sys
from contextlib import suppress


def main() -> None:
    stage = importlib.import_module(f"{sys.argv[1]}.__main__")
    # What cannot be imported is for the stage to say, in its own log and with its own exit code.
    with suppress(ImportError):
        getattr(stage, "ahead", tuple)()
    line = sys.stdin.buffer.readline()
    if not line:
        return
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    arguments = json.loads(line)
    sys.argv = [str(stage.__file__), *arguments]  # as python -m has it
    stage.main(arguments)


if __name__ == "__main__":
    main()
