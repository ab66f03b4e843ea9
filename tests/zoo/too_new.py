"""Written for an interface that is yet to come."""

NASBENCH_API = 99
