"""Asking another OCSP responder, J-LIS's or any CA's, about one certificate; off unless an address is set."""
