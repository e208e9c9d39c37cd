#!/bin/sh
# Makes what the example keeps secret, in secrets/ beside this script, with openssl: the application's signing
# key, a certificate for Redis, the password of its one user, and the secret of the admin API.
# What is there already stays; remove a file to have it made anew.
set -eu
umask 077
cd "$(dirname "$0")"
mkdir -p secrets
cd secrets

missing() { [ ! -e "$1" ]; }

if missing private.pem; then
  openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out private.pem
fi
openssl pkey -in private.pem -pubout -out public.pem

if missing tls.key; then
  openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=revgate example CA" \
    -keyout ca.key -out ca.crt
  openssl req -newkey rsa:2048 -nodes -subj "/CN=revgate-redis" -keyout tls.key -out tls.csr
  # localhost is for kubectl port-forward.
  echo "subjectAltName=DNS:revgate-redis,DNS:localhost" > extensions
  openssl x509 -req -in tls.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 825 \
    -extfile extensions -out tls.crt
  rm tls.csr extensions
fi

missing admin-token && openssl rand -hex 32 > admin-token
missing redis-password && openssl rand -hex 32 > redis-password

hash=$(tr -d '\n' < redis-password | openssl dgst -sha256 -r | cut -d' ' -f1)
commands="+eval +evalsha +info +client +time +get +mget +set +del +exists +ttl +pttl +pexpire +xadd +xrange +xrevrange +sadd +srem +hincrby +hset +hdel +hgetall +scan +multi +exec +role +hlen +select +cluster|slots +cluster|nodes +cluster|keyslot +cluster|getkeysinslot +cluster|info +wait"
{
  echo "user default off"
  echo "user revgate on #$hash resetchannels ~revgate:* -@all $commands"
} > users.acl
