"""Side-by-side benchmarks: fuseline next to the breakers it would replace. See README.md."""
