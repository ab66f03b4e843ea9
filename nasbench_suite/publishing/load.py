"""Taking the runs of a bundle into a store, so that what was published need not be computed again."""

from __future__ import annotations

from nasbench_suite.errors import SuiteError
from nasbench_suite.harness import Plan, Result, Store
from nasbench_suite.harness.audit import audit
from nasbench_suite.publishing.bundle import Bundle


def load_runs(bundle: Bundle, plan: Plan, store: Store, source: str) -> int:
    """Load those runs that a plan asks for and a store lacks; returns how many.

    A run is taken if its id is the plan's, which is a hash of the strategy's code, its parameters, the benchmark's
    answers, the budget and the seed; if it finished; and if this machine's table gives every recorded answer. Runs whose
    seconds were measured are never taken, since nobody can check them here.

    Args:
        bundle: that was read.
        plan: what is to be compared.
        store: gets the runs, marked as loaded.
        source: where they come from, for the mark.
    """
    lacking = {run.id: run for run in plan.all_runs}
    for done in store.outcomes(lacking):
        del lacking[done]
    taken = []
    for records in bundle.records.values():
        for record in records.values():
            run = lacking.pop(record.id, None)
            if run is None or record.outcome != "finished":
                continue
            benchmark = plan.benchmarks[run.benchmark]
            if benchmark.currency != "simulated":
                continue
            try:
                wrong = audit(record.journal, benchmark.answers(run.seed), run.budget, benchmark.fidelities[-1])
            except SuiteError as error:
                wrong = str(error)
            if not wrong:
                times = (record.wall_seconds, record.cpu_seconds)
                taken.append(Result(run, "finished", "", record.journal, record.own_seconds, *times).packed())
    store.put(taken, source)
    return len(taken)
