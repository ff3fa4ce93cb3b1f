"""Builds the documentation site, and the pages of it that are made from code."""
