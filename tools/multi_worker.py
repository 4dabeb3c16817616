"""Runs the program as several worker processes on this machine.

Each process gets its own TF_CONFIG, with addresses on the loopback interface. On
several machines, set TF_CONFIG in the same way on each and start the same command
there. The first process writes the run and prints its output.

  python tools/multi_worker.py --workers=2 -- --dataset=digits --rounds=3
"""

import argparse
import json
import os
import socket
import subprocess
import sys


def free_ports(count: int) -> list[int]:
    """Returns free TCP ports."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def main() -> int:
    """Starts the processes; returns the first non-zero exit status, or 0."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=2, help="number of processes")
    parser.add_argument("flags", nargs="*", help="the program's flags, after --")
    options = parser.parse_args()
    cluster = {"worker": [f"127.0.0.1:{port}" for port in free_ports(options.workers)]}
    command = [sys.executable, "-m", "dbal_tf.main", "--strategy=multi_worker", *options.flags]
    workers = []
    for index in range(options.workers):
        described = {"cluster": cluster, "task": {"type": "worker", "index": index}}
        environment = os.environ | {"TF_CONFIG": json.dumps(described)}
        output = None if index == 0 else subprocess.DEVNULL
        workers.append(subprocess.Popen(command, env=environment, stdout=output, stderr=output))
    try:
        statuses = [worker.wait() for worker in workers]
    except KeyboardInterrupt:  # the workers got it too
        statuses = [worker.wait() for worker in workers]
    return next((status for status in statuses if status), 0)


if __name__ == "__main__":
    sys.exit(main())
