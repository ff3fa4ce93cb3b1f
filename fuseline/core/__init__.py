"""The pure core: configuration, events, the circuit and the fold. No I/O, no clock, no async."""
