"""Where a holder signs: ports to the apps that reach his card or phone, and the sandbox's own."""
