"""What callers use: manager, breaker, recorder."""
