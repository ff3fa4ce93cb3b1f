"""The registry: agents as documents that people and programs change while everything runs."""
