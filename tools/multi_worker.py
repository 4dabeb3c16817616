"""Runs the program in several processes that work as one, on this machine.

Every process gets its own TF_CONFIG with addresses on the loopback device;
on several machines, set TF_CONFIG in the same way on each and start the same
command there. The first process keeps the run and shows its lines.

  python tools/multi_worker.py --workers=2 -- --dataset=digits --rounds=3
"""

import argparse
import json
import os
import socket
import subprocess
import sys


def free_ports(count: int) -> list[int]:
    """Returns numbers of TCP ports that nothing listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def main() -> int:
    """Starts the processes; returns the first status that is not 0."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=2, help="number of processes")
    parser.add_argument("flags", nargs="*", help="the program's flags, behind --")
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
    except KeyboardInterrupt:  # which all of them got
        statuses = [worker.wait() for worker in workers]
    return next((status for status in statuses if status), 0)


if __name__ == "__main__":
    sys.exit(main())
