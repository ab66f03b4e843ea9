"""A strategy that allocates without end."""

from nasbench_suite import hookimpl, strategy


@strategy("zoo-eats-memory")
def zoo_eats_memory(problem, rng):
    """Hoard."""
    hoard = []
    while True:
        hoard.append(bytearray(2**24))


@hookimpl
def nasbench_strategies():
    return [zoo_eats_memory]
