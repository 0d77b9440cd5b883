"""A simulated J-LIS: its CA, its lists, residents and clock; reached over HTTP only, like the real one."""
