"""How agents are spoken to: one file a protocol, behind the seam in `base`."""
