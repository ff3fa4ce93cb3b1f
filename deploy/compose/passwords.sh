#!/bin/sh
# Writes a password for each role of the server, and one for Grafana, into .env beside
# docker-compose.yml; what stands there already is kept. Hexadecimal, since they become part of URLs.
set -eu
umask 077

env_file=${1:-.env}
touch "$env_file"
chmod 600 "$env_file"
for name in VALKEY_PASSWORD_OPERATOR VALKEY_PASSWORD_DEPLOY VALKEY_PASSWORD_PROJECTOR \
  VALKEY_PASSWORD_WORKER VALKEY_PASSWORD_NOTIFIER VALKEY_PASSWORD_API GRAFANA_PASSWORD; do
  if ! grep -q "^$name=." "$env_file"; then
    echo "$name=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')" >> "$env_file"
  fi
done
