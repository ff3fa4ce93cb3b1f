"""The demonstration: real agents that fail, real workers that call them."""
