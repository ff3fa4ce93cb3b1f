"""A worker's health: whether it is ready, and all it knows of itself."""

from __future__ import annotations

from time import monotonic
from typing import Any

from fuseline.bridge.tasks.worker import TaskWorker


def reasons(worker: TaskWorker) -> list[str]:
    """Why the worker is not ready; empty if it is."""
    manager = worker.manager
    found = []
    if worker.stopping:
        found.append("draining: the worker is being stopped")
    if not manager.available:
        found.append("server away: tasks are not taken, results wait in memory")
    if manager.unprojected:
        shards = ", ".join(map(str, sorted(manager.unprojected)))
        found.append(f"projector away: nobody folds shards {shards}; breakers decide alone there")
    return found


def state(worker: TaskWorker) -> dict[str, Any]:
    """What SIGUSR1 shows."""
    manager, now = worker.manager, monotonic()
    return {
        "worker": manager.worker,
        "not_ready": reasons(worker),
        "slots": {"taken": len(worker.running), "of": worker.options.concurrency},
        "tasks": [
            {
                "task": running.task.id,
                "agent": running.task.agent,
                "age_seconds": round(now - running.started, 3),
                "called": running.called,
                "taken_over": running.lost,
            }
            for running in worker.running.values()
        ],
        "results_waiting": worker.settler.depth,
        "results": {str(status): count for status, count in worker.ended.items()},
        "outcomes_waiting": manager.recorder.depth,
        "outcomes_dropped": manager.outcomes_dropped,
        "breakers": {
            name: {
                "state": breaker.state.value,
                "mode": breaker.mode.name.lower(),
                "in_flight": breaker.in_flight,
                "rejected": breaker.rejected,
            }
            for name, breaker in manager.breakers.items()
        },
    }
