"""Units of retried, checkpointed, costed work: Prefect at the surface, plain Python beneath."""
