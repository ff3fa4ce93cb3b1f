"""Breakers inside other libraries, one file for each; see docs/integrations.md.

None is imported with Fuseline. One whose library is not installed says which extra brings it.
"""
