"""Runs a program on a terminal of its own, as a person would, and tells what happened as JSON.

Each step of the script (argv[1], JSON) is ["expect", text], ["send", text], ["resize", rows, columns],
["signal", name] or ["mode"]: whether the terminal is raw now.
"""
import fcntl, json, os, pty, select, signal, struct, sys, termios, time

script, program = json.loads(sys.argv[1]), sys.argv[2:]
pid, master = pty.fork()
if pid == 0:
    os.execvp(program[0], program)
seen, modes = b"", []


def resize(rows, columns):
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def read(timeout):
    global seen
    if not select.select([master], [], [], timeout)[0]:
        return False
    try:
        data = os.read(master, 65536)
    except OSError:
        return None
    seen += data
    return True if data else None


resize(24, 80)
for step in script:
    if step[0] == "expect":
        until = time.monotonic() + 15
        while step[1].encode() not in seen:
            if read(0.1) is None or time.monotonic() > until:
                print(json.dumps({"missing": step[1], "seen": seen.decode(errors="replace")}))
                os.kill(pid, signal.SIGKILL)
                sys.exit(1)
        seen = seen[seen.index(step[1].encode()) + len(step[1].encode()):]
    elif step[0] == "send":
        os.write(master, step[1].encode())
    elif step[0] == "resize":
        resize(step[1], step[2])
    elif step[0] == "signal":
        os.kill(pid, getattr(signal, step[1]))
    elif step[0] == "mode":
        modes.append(not termios.tcgetattr(master)[3] & termios.ICANON)
while read(15):
    pass
_, status = os.waitpid(pid, 0)
print(json.dumps({
    "status": os.waitstatus_to_exitcode(status),
    "seen": seen.decode(errors="replace"),
    "modes": modes,
}))
