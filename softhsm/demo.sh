#!/bin/bash
# Credentials out of a key that cannot leave its device, on this computer alone: a SoftHSM2 token or a TPM (swtpm), a
# server that verifies each request as AWS does, and the real AWS CLI and boto3.
# Usage: demo.sh pkcs11|tpm DIR PROGRAMS VENV (`make demo` knows them)
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
device=$1
mkdir -p "$2"
dir=$(cd "$2" && pwd) programs=$(cd "$3" && pwd) venv=$(cd "$4" && pwd)

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] && [ -z "${NO_COLOR:-}" ] || say() { printf '\n%s\n' "$*"; }
for variable in ${!AWS_@}; do unset "$variable"; done
export AWS_EC2_METADATA_DISABLED=true
children=()
trap '[ ${#children[@]} -eq 0 ] || kill "${children[@]}" 2>/dev/null || true' EXIT

# Waits until a child has written a file.
await() {
    for _ in $(seq 400); do
        [ -s "$2" ] && return
        kill -0 "$1" 2>/dev/null || { cat "$3" >&2; exit 1; }
        sleep 0.05
    done
    echo "$2 did not come; see $3" >&2
    exit 1
}

pkcs11() {
    module=/usr/lib/softhsm/libsofthsm2.so
    say "1. A token with keys that cannot be exported (SoftHSM2, below $dir)"
    "$here/provision.sh" "$dir/hsm" | sed 's/^/   /'
    export SOFTHSM2_CONF=$dir/hsm/softhsm2.conf

    say "2. The private key was made on the token, and is marked never to leave it"
    PIN=$(cat "$dir/hsm/pin") pkcs11-tool --module "$module" --token-label lab --login --pin env:PIN \
        --list-objects --type privkey 2>/dev/null | grep -A 4 'label: *laptop$' |
        sed -n 's/^ *\(label\|Usage\|Access\): */   \1: /p'
    lab=$dir/hsm
    key="--key \"pkcs11:token=lab;object=laptop?pin-source=$lab/pin\" --pkcs11-lib $module"
}

tpm() {
    say "1. A TPM with keys that cannot be exported (swtpm, below $dir)"
    rm -f "$dir/tpm.env"
    "$programs/hsm-test" tpm "$dir/tpm" --ready-file "$dir/tpm.env" >"$dir/tpm.log" 2>&1 &
    children+=($!)
    await $! "$dir/tpm.env" "$dir/tpm.log"
    # shellcheck disable=SC1091
    . "$dir/tpm.env"
    grep '^tpm:' "$dir/tpm.log" | cut -d ' ' -f 1 | sed 's/^/   /'

    say "2. The private key was made in the TPM, and is marked never to leave it"
    tpm2_readpublic -c 0x81000101 | sed -n '/^attributes/,/raw/s/^ *value: /   /p'
    lab=$dir/tpm
    key='--key "tpm:handle=0x81000101"'
}

"$device"

say "3. A server that verifies what it is sent, in place of IAM Roles Anywhere and STS"
rm -f "$dir/ready"
"$programs/hsm-test" serve --ca "$lab/ca" --ready-file "$dir/ready" >"$dir/server.log" 2>&1 &
children+=($!)
await $! "$dir/ready" "$dir/server.log"
url=$(cat "$dir/ready")
arguments=$(sed -n 's/^for keyanchor: //p' "$dir/server.log")
echo "   $url"

say "4. keyanchor: one signature, credentials"
line="$programs/keyanchor credential-process $key --certificate $lab/certs/laptop-chain.pem $arguments"
credentials=$(eval "$line --trace-timing" 2>"$dir/timing") || { cat "$dir/timing" >&2; exit 1; }
sed -E 's/("(SecretAccessKey|SessionToken)":")[^"]*/\1… (not shown)/g; s/^/   /' <<<"$credentials"
sed 's/^ *INFO/  /' "$dir/timing"

say "5. The line for ~/.aws/config (here: $dir/config)"
cat >"$dir/config" <<CONFIG
[profile lab]
region = us-east-1
credential_process = $line
ca_bundle = $lab/ca-bundle.pem
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
