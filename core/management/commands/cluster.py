"""One django-q cluster, as `worker` starts it (one for each name in Q_CLUSTER): with signs of life, and never longer than its parent.

django-q's own `qcluster` cannot be watched from outside and lives on when its supervisor is killed.
"""

import os
import signal
import threading
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django_q.brokers.orm import ORM
from django_q.cluster import Cluster
from django_q.conf import Conf
from django_q.signals import post_execute, post_execute_in_worker, pre_execute

from core.management.marks import TAKEN, Marks
from core.management.processes import signal_group, watch_parent

LAST_WORD_S = 30.0


class WatchedBroker(ORM):
    """The ORM broker, leaving a mark whenever it takes a job from the queue."""

    marks: Marks

    def dequeue(self) -> Any:
        taken = super().dequeue()
        if taken:
            self.marks.leave(TAKEN)
        return taken


class Command(BaseCommand):
    help = "Started by `worker`, not by hand: one job cluster (Q_CLUSTER_NAME), leaving signs of life in CLUSTER_MARKS."

    def handle(self, **_options: Any) -> None:
        parent = int(os.environ["CLUSTER_PARENT"])
        marks = Marks(Path(os.environ["CLUSTER_MARKS"]))
        pre_execute.connect(marks.job_begins)
        post_execute_in_worker.connect(marks.job_ends)
        post_execute.connect(marks.job_settled)
        broker = WatchedBroker(list_key=Conf.CLUSTER_NAME)
        broker.marks = marks
        Cluster(broker).start()
        # After the cluster has forked: its processes must not inherit the thread's locks.
        watch_parent(parent, leave_orderly)


def leave_orderly() -> None:
    """As if the parent had said so; the hard end when the cluster hangs. This process leads its group."""
    threading.Timer(LAST_WORD_S, signal_group, (os.getpid(), signal.SIGKILL)).start()
    os.kill(os.getpid(), signal.SIGTERM)
