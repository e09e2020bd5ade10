"""Deliver what a pickled deployment has to send; the tests kill this process where they like."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

from gateway.notify import outbox

if __name__ == "__main__":
    deployment = pickle.loads((Path(os.environ["GATEWAY_HOME"]) / "deployment.pickle").read_bytes())
    print(outbox.deliver(deployment).as_dict())
