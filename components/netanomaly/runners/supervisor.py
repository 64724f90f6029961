"""Parent of one stage process; run as a script of its own, with nothing but the standard library's smallest parts.

    python -I -S supervisor.py LIFE_FD RESULT_FD COMMAND...

It leads the stage's process group and is there for what the runner cannot do itself:
- When the runner dies, however it dies, the other end of LIFE_FD closes and the whole group is killed.
- The kernel counts a process's peak memory from that of the process it was forked from. This one is small.
- When the stage ends, whatever it left running in its group is killed.

RESULT_FD gets one line: exit code (negative: the signal), peak memory in bytes; or `E`, an errno, when the
command could not be started.
"""

import os
import signal
import sys
import threading


def main() -> None:
    life, result = int(sys.argv[1]), int(sys.argv[2])
    command = sys.argv[3:]
    for descriptor in (life, result):
        os.set_inheritable(descriptor, False)
    # The group is asked to end as a whole; this process stays to report. Handlers, unlike SIG_IGN, end with exec.
    early: list[int] = []
    for asking in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(asking, lambda number, _: early.append(number))
    try:
        # Python ignores these two for itself; a program expects them as they were.
        pid = os.posix_spawnp(command[0], command, os.environ, setsigdef=(signal.SIGPIPE, signal.SIGXFSZ))
    except OSError as error:
        os.write(result, b"E %d\n" % (error.errno or 0))
        return
    # What came before there was a stage to get it.
    for number in tuple(early):
        os.kill(pid, number)
    threading.Thread(target=_kill_group_at_end_of, args=(life,), daemon=True).start()
    _, status, usage = os.wait4(pid, 0)
    # Linux counts in KiB, macOS in bytes.
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    os.write(result, b"%d %d\n" % (os.waitstatus_to_exitcode(status), peak))
    os.killpg(0, signal.SIGKILL)


def _kill_group_at_end_of(life: int) -> None:
    os.read(life, 1)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
