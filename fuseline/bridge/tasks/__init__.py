"""Tasks: submitted to a queue, called by workers through the breakers, answered once."""
