"""The routes, one file for each resource; each says which role it needs."""
