"""Asks the service beside it, on the loopback, and ends with 0 if it is live. Standard library only: it starts every few seconds."""

import http.client
import os
import sys
from typing import NoReturn

_PORT = "9100"
_TIMEOUT_S = 4.0


def why_not(port: int, path: str) -> str:
    """Why ``path`` (/livez or /readyz) does not answer that all is well; empty when it does."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        said = answer.read().decode(errors="replace").strip()
    except (OSError, http.client.HTTPException) as error:
        return f"no answer on port {port}: {error}"
    finally:
        connection.close()
    return "" if answer.status == http.client.OK else said or f"status {answer.status}"


def main() -> NoReturn:
    """Ask ``/livez``, or the path given, at ``LOOKOUT_METRICS_PORT``; what is wrong goes to standard error."""
    path = sys.argv[1] if len(sys.argv) > 1 else "/livez"
    reason = why_not(int(os.environ.get("LOOKOUT_METRICS_PORT", _PORT)), path)
    sys.exit(reason or 0)


if __name__ == "__main__":
    main()
