"""Training whole tables: the builder, cost models and the audit of a table against trainings of today."""
