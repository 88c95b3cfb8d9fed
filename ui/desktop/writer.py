"""One thread that speaks to the store: writes come one after the other, whoever asks."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from vfscreen.ports import CaseStore


class StoreThread:
    """The store as the window uses it: each verb runs in the one store thread, and its caller waits for it.

    Waiting is meant: a reading is on disk before the key's handler returns. A verb takes a few milliseconds.
    """

    def __init__(self, store: CaseStore) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")

    def __getattr__(self, verb: str) -> Callable[..., Any]:
        """Returns a verb of the store that runs in its thread."""
        run = getattr(self._store, verb)

        def in_thread(*given: Any, **named: Any) -> Any:
            return self._thread.submit(run, *given, **named).result()

        return in_thread

    def stop(self) -> None:
        """Lets the verbs that wait finish, then ends the thread."""
        self._thread.shutdown(wait=True)


def one_writer(store: CaseStore) -> tuple[CaseStore, Callable[[], None]]:
    """Returns the store behind its one thread, and what ends that thread."""
    thread = StoreThread(store)
    return cast(CaseStore, thread), thread.stop
