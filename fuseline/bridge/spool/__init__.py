"""Outcomes on disk while the server is away: one SQLite file a process, adopted if it dies."""
