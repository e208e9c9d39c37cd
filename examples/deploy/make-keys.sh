#!/bin/sh
# Makes the key pair of the example in ./keys, once. Your own application has its own.
set -eu
cd "$(dirname "$0")"
[ -e keys/private.pem ] && exit 0
mkdir -p keys
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out keys/private.pem
openssl pkey -in keys/private.pem -pubout -out keys/public.pem
# The containers' users are neither this user nor root.
chmod 644 keys/private.pem keys/public.pem
