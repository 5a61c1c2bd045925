"""The fleet's clock on RabbitMQ: `python scheduler.py`, any number of them."""

import logging
import os
import sys

from orchestration import exit_codes, logs, settings
from orchestration.bus.address import address_in
from orchestration.errors import ConfigurationError, OrchestrationError
from orchestration.runtime import ticker
from orchestration.runtime.broker import make_broker
from orchestration.runtime.reach import require_own_store


def main() -> int:
    """Tick until told to stop; 0 after SIGTERM."""
    try:
        found = settings.load()
        address = address_in(found)
    except ConfigurationError as error:
        sys.stderr.write(f"scheduler: {error}\n")
        return exit_codes.USAGE
    if address is None:
        sys.stderr.write(
            "scheduler: no broker to tick on; set RABBITMQ_URL, or run `orchestrate serve`,"
            " which has a clock of its own\n"
        )
        return exit_codes.UNREACHABLE
    logs.configure(found.log_level, found.log_format, found.mask)
    try:
        require_own_store(address, found.store_url)
    except OrchestrationError as error:
        sys.stderr.write(f"scheduler: {error}\n")
        return exit_codes.UNREACHABLE
    ticker.run(make_broker(address, []), found)
    return 0


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    os._exit(code)  # not held up by the thread of a tick that hangs in its connection
