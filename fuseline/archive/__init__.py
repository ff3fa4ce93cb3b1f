"""What leaves Redis: exports of a namespace to one file and back, and the archive in Parquet."""
