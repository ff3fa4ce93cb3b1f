"""Alerts: rules over what circuits and the machinery do, incidents, and notices to channels.

Whether an incident begins or ends is decided by pure functions; one process at a time (`Notifier`)
feeds them, writes what they decide in one step, and delivers the notices.
"""
