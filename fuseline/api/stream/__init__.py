"""The live stream: every change of every circuit to many clients, resumable without loss."""
