"""Stands for a stage that the warm process forks, to its supervisor: a process that ends as the stage ended.

    python -I -S client.py SOCKET MODULE ARGUMENTS...

Its end, however it comes, ends the stage.
"""

import json
import os
import signal
import socket
import sys


def main() -> None:
    module, *arguments = sys.argv[2:]
    wanted = {"module": module, "arguments": arguments, "environment": dict(os.environ), "folder": os.getcwd()}  # noqa: PTH109 - pathlib is not loaded here
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(sys.argv[1])
        socket.send_fds(server, [b"\0"], [0, 1, 2])
        server.sendall(json.dumps(wanted).encode() + b"\n")
        code = int(server.makefile("rb").readline())
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)


if __name__ == "__main__":
    main()
