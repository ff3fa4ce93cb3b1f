#!/bin/sh
# Prints two Secrets with a new password for each role: that of the trial's Valkey, and the URLs that
# Fuseline's processes take. The argument is the URL of the server, without user and password.
#   secrets.sh redis://fuseline-valkey:6379/0 | kubectl apply -n fuseline -f -
# A second run makes other passwords: restart the server and the pods after it.
set -eu

url=${1:?the URL of the server, e.g. redis://fuseline-valkey:6379/0}
namespace=${FUSELINE_NAMESPACE:-fuseline}
scheme=${url%%://*}
rest=${url#*://}
passwords=
urls=
for role in operator deploy projector worker notifier api; do
  password=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
  name=$(echo "$role" | tr '[:lower:]' '[:upper:]')
  passwords="$passwords
  VALKEY_PASSWORD_$name: \"$password\""
  urls="$urls
  $role-url: $scheme://$namespace-$role:$password@$rest"
done
cat <<EOF
apiVersion: v1
kind: Secret
metadata:
  name: valkey-passwords
stringData:$passwords
---
apiVersion: v1
kind: Secret
metadata:
  name: fuseline-redis
stringData:$urls
EOF
