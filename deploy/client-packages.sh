#!/bin/sh
# The OCSP clients that `make test-clients` asks our responder with, on Debian 12; as root. Each that is not
# there is skipped by name. npm's ocsp comes by `npm ci` from the lock, pyhanko with the test requirements.
set -eu
test "$(id -u)" = 0 || { echo "$0: run it as root" >&2; exit 1; }
apt-get update -q
apt-get install -q -y --no-install-recommends \
    openssl curl gnutls-bin libnss3-tools nginx-light default-jdk-headless nodejs npm
