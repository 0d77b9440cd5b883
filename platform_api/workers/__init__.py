"""Several processes that answer as one: shared counters, a shared serving word, and who watches over them."""
