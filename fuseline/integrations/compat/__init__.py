"""Other libraries' ways of writing breakers, where Fuseline can keep what they promise.

See docs/integrations.md for what differs, and for the libraries that have no adapter.
"""
