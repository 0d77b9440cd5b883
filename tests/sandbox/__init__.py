"""The simulated J-LIS against strangers: cryptography, asn1crypto and OpenSSL read what it signs."""
