#!/bin/sh
# Starts a Valkey or Redis whose users are those of the files beside this one; the arguments are the
# server and its own. Each user's password is the variable VALKEY_PASSWORD_<ROLE>; of it only the
# hash is written. Without a user a client may ping, for health checks, and nothing else.
set -eu
umask 077

here=$(dirname "$0")
namespace=${FUSELINE_NAMESPACE:-fuseline}
users=${ACL_USERS_FILE:-/tmp/users.acl}

hash_of() { # of the password of a role
  eval "password=\${VALKEY_PASSWORD_$(echo "$1" | tr '[:lower:]' '[:upper:]'):?is not set}"
  printf '%s' "$password" | sha256sum | cut -d ' ' -f 1
}

{
  echo "user default reset on nopass +ping"
  # For the operator's own questions (fuseline doctor, verify, rebuild, export): all of the server.
  echo "user $namespace-operator reset on #$(hash_of operator) ~* &* +@all"
  for role in worker projector notifier api deploy; do
    echo "$(sed "s/fuseline/$namespace/g" "$here/$role.acl") #$(hash_of "$role")"
  done
} > "$users"

exec "$@" --aclfile "$users"
