"""Run a route of a pickled deployment once; the tests kill this process where they like."""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path

from gateway.errors import GatewayError
from gateway.exchange import carry

if __name__ == "__main__":
    deployment = pickle.loads((Path(os.environ["GATEWAY_HOME"]) / "deployment.pickle").read_bytes())
    try:
        print(carry.run(deployment, sys.argv[1]).as_dict())
    except GatewayError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
