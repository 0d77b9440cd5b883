"""The customers' certificates that an institution's service watches."""
