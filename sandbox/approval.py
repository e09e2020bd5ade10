"""The approval system at work: cases keep coming while the demo runs, and each result becomes a supervision task."""

from __future__ import annotations

import heapq
import threading
import time
from collections import Counter
from datetime import datetime, timedelta
from itertools import count
from types import TracebackType

import psycopg2
from psycopg2.extensions import connection as Connection

from sandbox import case_events, cases, city, messages, supervision

_PACE = 1 / 1800  # an hour of a case's life passes in two seconds


class Producer:
    """Writes cases into the approval system's tables, `per_second` new ones, until it is left; a context manager."""

    def __init__(self, dsn: str, per_second: float = 2.0, seed: int = city.SEED) -> None:
        """Take the owner's DSN; nothing is written before `with`."""
        self._dsn, self._pause, self._seed = dsn, 1 / per_second, seed
        self._numbers: Counter[str] = Counter()  # of cases that are not decided: their last event
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._produce, daemon=True)

    def __enter__(self) -> Producer:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop and wait for the last row."""
        self._done.set()
        self._thread.join()

    def _produce(self) -> None:
        connection = psycopg2.connect(self._dsn)
        connection.autocommit = True
        numbers, order = count(1_000_000 + int(time.time()) % 100_000_000), count()
        waiting: list[tuple[datetime, int, cases.Event, int, cases.Row]] = []
        while not self._done.wait(self._pause):
            now = datetime.now(messages.CHINA).replace(microsecond=0)
            number, naive = next(numbers), now.replace(tzinfo=None)
            made = list(cases.case(number, naive, self._seed, city.CERT_KEY, pace=_PACE))
            for event in made:
                heapq.heappush(waiting, (now + event.after, next(order), event, number, made[0].row))
            while waiting and waiting[0][0] <= now + timedelta(seconds=1):
                _, _, event, number, case = heapq.heappop(waiting)
                city.write(connection, event.dataset, [event.row | {"cd_time": naive}])
                self._tell(connection, event, case, naive)
                if event.dataset == "case.result":
                    task = supervision.task(number, case, now, now, self._seed, city.CERT_KEY)
                    city.write(connection, supervision.TASK, [task])
        connection.close()

    def _tell(self, connection: Connection, event: cases.Event, case: cases.Row, now: datetime) -> None:
        """Write what a row of a case tells as the case's next events."""
        project = case["project_no"]
        for _, kind, remark in case_events.of_row(event.dataset, event.row):
            self._numbers[project] += 1
            row = case_events.event(project, case["task_code"], self._numbers[project], kind, now, remark)
            city.write(connection, case_events.EVENT, [row])
        if event.dataset == "case.result":
            del self._numbers[project]
