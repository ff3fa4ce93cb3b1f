"""The HTTP API: agents, circuits, timelines and controls, and who may use them."""
