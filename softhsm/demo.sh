#!/bin/bash
# Credentials out of a key that cannot leave its token, on this computer alone: a SoftHSM2 token, a
# server that verifies each request as AWS does, and the real AWS CLI and boto3.
# Usage: demo.sh DIR PROGRAMS VENV (`make demo` knows them)
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
dir=$(cd "$1" && pwd) programs=$(cd "$2" && pwd) venv=$(cd "$3" && pwd)
module=/usr/lib/softhsm/libsofthsm2.so

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] && [ -z "${NO_COLOR:-}" ] || say() { printf '\n%s\n' "$*"; }
for variable in ${!AWS_@}; do unset "$variable"; done
export AWS_EC2_METADATA_DISABLED=true

say "1. A token with keys that cannot be exported (SoftHSM2, below $dir)"
"$here/provision.sh" "$dir/hsm" | sed 's/^/   /'
export SOFTHSM2_CONF=$dir/hsm/softhsm2.conf

say "2. The private key was made on the token, and is marked never to leave it"
PIN=$(cat "$dir/hsm/pin") pkcs11-tool --module "$module" --token-label lab --login --pin env:PIN \
    --list-objects --type privkey 2>/dev/null | grep -A 4 'label: *laptop$' |
    sed -n 's/^ *\(label\|Usage\|Access\): */   \1: /p'

say "3. A server that verifies what it is sent, in place of IAM Roles Anywhere and STS"
rm -f "$dir/ready"
"$programs/hsm-test" serve --ca "$dir/hsm/ca" --ready-file "$dir/ready" >"$dir/server.log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true' EXIT
for _ in $(seq 100); do
    [ -s "$dir/ready" ] && break
    kill -0 "$server" 2>/dev/null || { cat "$dir/server.log" >&2; exit 1; }
    sleep 0.05
done
[ -s "$dir/ready" ] || { echo "the server did not start; see $dir/server.log" >&2; exit 1; }
url=$(cat "$dir/ready")
arguments=$(sed -n 's/^for keyanchor: //p' "$dir/server.log")
echo "   $url"

say "4. keyanchor: one login, one signature, credentials"
uri="pkcs11:token=lab;object=laptop?pin-source=$dir/hsm/pin"
line="$programs/keyanchor credential-process --key \"$uri\" --pkcs11-lib $module --certificate $dir/hsm/certs/laptop-chain.pem $arguments"
credentials=$(eval "$line --trace-timing" 2>"$dir/timing") || { cat "$dir/timing" >&2; exit 1; }
sed -E 's/("(SecretAccessKey|SessionToken)":")[^"]*/\1… (not shown)/g; s/^/   /' <<<"$credentials"
sed 's/^ *INFO/  /' "$dir/timing"

say "5. The line for ~/.aws/config (here: $dir/config)"
cat >"$dir/config" <<CONFIG
[profile lab]
region = us-east-1
credential_process = $line
ca_bundle = $dir/hsm/ca-bundle.pem
endpoint_url = $url
CONFIG
sed 's/^/   /' "$dir/config"
export AWS_CONFIG_FILE=$dir/config AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_PROFILE=lab

say "6. aws sts get-caller-identity, by the real AWS CLI ($("$venv/bin/aws" --version | cut -d ' ' -f 1))"
"$venv/bin/aws" sts get-caller-identity --output json | sed 's/^/   /'

say "7. The same by boto3"
"$venv/bin/python" -c 'import boto3; print("  ", boto3.client("sts").get_caller_identity()["Arn"])'

say "8. What the server says it verified"
grep -E '^(POST|GET) ' "$dir/server.log" | sed 's/^/   /'
