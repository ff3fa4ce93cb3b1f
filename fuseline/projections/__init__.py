"""Folding the log into circuits: projector, projection store, feed, timeline, verify, rebuild."""
