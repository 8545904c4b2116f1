"""`StoreSuite`: what a database of your own has to guarantee to hold the store of runs."""

from __future__ import annotations

from langgraph_runner.testing.store_suite.claims import ClaimTests
from langgraph_runner.testing.store_suite.contents import ContentTests
from langgraph_runner.testing.store_suite.transactions import TransactionTests

__all__ = ["StoreSuite"]


class StoreSuite(TransactionTests, ClaimTests, ContentTests):
    """What a `StoreBackend` has to guarantee. Subclass it in a test module.

    `make()` gives the address of a database without runs, or a `StoreBackend`: a new database for each test, and the
    same one each time within a test. For a database that is gone when it is closed, set `is_shared` to False: tests
    that need two stores are then skipped. The tests work through `RunStore`, as engines do; two stores stand for two
    processes.

    Example:
        >>> class TestInMemory(StoreSuite):
        ...     is_shared = False
        ...
        ...     def make(self):
        ...         return "sqlite://"
        >>> TestInMemory().test_a_run_is_claimed_once()
    """
