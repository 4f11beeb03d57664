"""Start the vendor simulator and print its addresses."""

import argparse
import json
import signal
import sys
import threading
from dataclasses import asdict
from datetime import UTC, datetime
from shlex import quote

from sandbox.clock import Clock
from sandbox.server import SYSTEMS, PortInUse, Sandbox


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument(
        "--port",
        type=int,
        default=0,
        help=f"the first of {len(SYSTEMS)} ports, that of the control API; 0: any free ports",
    )
    parser.add_argument("--scale", type=float, default=1.0, help="business seconds per real second")
    parser.add_argument(
        "--origin",
        type=_instant,
        default=datetime.now(UTC).replace(microsecond=0),
        help="instant from which business time runs by the scale, ISO 8601; default: now",
    )
    parser.add_argument(
        "--events", metavar="URL", help="EventBridge endpoint for AWS Marketplace's events"
    )
    parser.add_argument("--env", action="store_true", help="print shell exports instead of JSON")
    options = parser.parse_args()
    if options.scale <= 0:
        parser.error("--scale must be above 0")
    last = 65536 - len(SYSTEMS)
    if not 0 <= options.port <= last:
        parser.error(f"--port must be from 1 to {last}, or 0")
    clock = Clock(scale=options.scale, origin=options.origin)
    stop = threading.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, lambda *_: stop.set())
    try:
        with Sandbox(clock=clock, port=options.port, events_endpoint=options.events) as sandbox:
            if options.env:
                settings = {"CONTROL": sandbox.addresses.control, **sandbox.addresses.env}
                for name, value in settings.items():
                    print(f"export {name}={quote(value)}", flush=True)
            else:
                print(json.dumps(asdict(sandbox.addresses)), flush=True)
            stop.wait()
    except PortInUse as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


if __name__ == "__main__":
    sys.exit(main())
