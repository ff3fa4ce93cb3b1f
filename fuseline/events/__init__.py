"""The log in Redis: keys, codec, server-side functions, connections, append and read."""
