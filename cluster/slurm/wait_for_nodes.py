"""Runs a command once a Ray cluster has its nodes.

    python -m cluster.slurm.wait_for_nodes COUNT LOG COMMAND ...

RAY_ADDRESS names the cluster, LOG what Ray says of its nodes. After a minute it makes do with those
that came: the rest join later. The command takes the place of this process, so that a signal ends
whichever runs.
"""

import os
import sys
import time

_PATIENCE_S = 60.0
_POLL_S = 0.5


def main() -> None:
    """Run the command once so many nodes are there; exit code 1 if not even the head is."""
    wanted, log, command = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    address = os.environ["RAY_ADDRESS"]
    from ray._raylet import GcsClient  # pyright: ignore[reportAttributeAccessIssue]

    deadline = time.monotonic() + _PATIENCE_S
    there, reason = 0, "no answer"
    while there < wanted and time.monotonic() < deadline:
        try:
            client = GcsClient(address=address)
            there = sum(node.state == 0 for node in client.get_all_node_info().values())
        except Exception as error:  # noqa: BLE001  (what Ray raises while its head starts)
            reason = str(error)
        time.sleep(_POLL_S)
    if there == 0:
        sys.exit(f"no Ray head answers at {address} ({reason}): see {log}")
    more = "" if there >= wanted else f"; see {log} for the others, which may join later"
    print(f"{there} of {wanted} nodes are there{more}", flush=True)  # noqa: T201
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
