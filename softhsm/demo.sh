#!/bin/bash
# Credentials out of a key that cannot leave its device, on this computer alone: a SoftHSM2 token, a TPM (swtpm) or a
# YubiKey (a virtual one), a server that verifies each request as AWS does, and the real AWS CLI and boto3.
# Usage: demo.sh pkcs11|tpm|piv DIR PROGRAMS VENV (`make demo` knows them)
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
device=$1
mkdir -p "$2"
dir=$(cd "$2" && pwd) programs=$(cd "$3" && pwd) venv=$(cd "$4" && pwd)

bold='' plain='' step=0
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\033[1m' plain=$'\033[0m'; fi
say() { step=$((step + 1)); printf '\n%s%s. %s%s\n' "$bold" "$step" "$*" "$plain"; }

# Shows a command and runs it, where the lab has its files.
show() { printf '   $ %s\n' "$*"; (cd "$lab" && "$@" 2>&1) | sed 's/^/   /'; }

for variable in ${!AWS_@}; do unset "$variable"; done
export AWS_EC2_METADATA_DISABLED=true
children=()
trap '[ ${#children[@]} -eq 0 ] || kill "${children[@]}" 2>/dev/null || true' EXIT

# start NAME OPTION…: a device of the lab, until this script ends, and how programs find it.
start() {
    rm -f "$dir/$1.env"
    "$programs/hsm-test" "$@" "$dir/$1" --ready-file "$dir/$1.env" >"$dir/$1.log" 2>&1 &
    children+=($!)
    await $! "$dir/$1.env" "$dir/$1.log"
    # shellcheck disable=SC1090
    . "$dir/$1.env"
    lab=$dir/$1
}

# Waits until a child has written a file.
await() {
    for round in $(seq 12000); do
        [ -s "$2" ] && return
        kill -0 "$1" 2>/dev/null || { cat "$3" >&2; exit 1; }
        [ "$round" -ne 100 ] || echo "   (it is built first, which takes minutes, once)"
        sleep 0.05
    done
    echo "$2 did not come; see $3" >&2
    exit 1
}

pkcs11() {
    module=/usr/lib/softhsm/libsofthsm2.so
    say "A token with keys that cannot be exported (SoftHSM2, below $dir)"
    "$here/provision.sh" "$dir/hsm" | sed 's/^/   /'
    export SOFTHSM2_CONF=$dir/hsm/softhsm2.conf

    say "The private key was made on the token, and is marked never to leave it"
    PIN=$(cat "$dir/hsm/pin") pkcs11-tool --module "$module" --token-label lab --login --pin env:PIN \
        --list-objects --type privkey 2>/dev/null | grep -A 4 'label: *laptop$' |
        sed -n 's/^ *\(label\|Usage\|Access\): */   \1: /p'
    lab=$dir/hsm
    key="--key \"pkcs11:token=lab;object=laptop?pin-source=$lab/pin\" --pkcs11-lib $module"
    key+=" --certificate $lab/certs/laptop-chain.pem"
}

tpm() {
    say "A TPM with keys that cannot be exported (swtpm, below $dir)"
    start tpm
    grep '^tpm:' "$dir/tpm.log" | cut -d ' ' -f 1 | sed 's/^/   /'

    say "The private key was made in the TPM, and is marked never to leave it"
    tpm2_readpublic -c 0x81000101 | sed -n '/^attributes/,/raw/s/^ *value: /   /p'
    key="--key \"tpm:handle=0x81000101\" --certificate $lab/certs/laptop-chain.pem"
}

piv() {
    say "A YubiKey as it comes from the factory (a virtual one, below $dir)"
    start piv --factory
    show yubico-piv-tool -a status

    say "A PIN and a PUK of your own (without -P and -N it asks for them)"
    show yubico-piv-tool -a change-pin -P 123456 -N 648219
    show yubico-piv-tool -a change-puk -P 12345678 -N 73519482

    say "A private key, made in the YubiKey to stay there; it wants a touch (this one touches itself)"
    show yubico-piv-tool -a generate -s 9a -A ECCP256 --pin-policy once --touch-policy cached -o key.pem

    say "Its certificate, by your CA (here the lab's), goes beside it"
    "$programs/hsm-test" issue --ca "$lab/ca" --public-key "$lab/key.pem" --out "$lab/cert.pem" --cn laptop
    show yubico-piv-tool -a import-certificate -s 9a -i cert.pem
    show yubico-piv-tool -a status

    say "What keyanchor sees of it"
    PATH=$programs:$PATH show keyanchor list | sed -n '1p; /^ *YubiKey/,$p'
    (umask 077 && echo 648219 >"$lab/pin")
    key="--key \"piv:slot=9a;serial=12345678\" --pin-file $lab/pin --intermediates $lab/ca/intermediate.pem"
}

"$device"

rm -rf "$dir/run"
export KEYANCHOR_RUNTIME_DIR=$dir/run

say "A server that verifies what it is sent, in place of IAM Roles Anywhere and STS"
rm -f "$dir/ready"
"$programs/hsm-test" serve --ca "$lab/ca" --ready-file "$dir/ready" >"$dir/server.log" 2>&1 &
children+=($!)
await $! "$dir/ready" "$dir/server.log"
url=$(cat "$dir/ready")
arguments=$(sed -n 's/^for keyanchor: //p' "$dir/server.log")
echo "   $url"

say "keyanchor: one signature, credentials"
line="$programs/keyanchor credential-process $key $arguments"
credentials=$(eval "$line --trace-timing" 2>"$dir/timing") || { cat "$dir/timing" >&2; exit 1; }
sed -E 's/("(SecretAccessKey|SessionToken)":")[^"]*/\1… (not shown)/g; s/^/   /' <<<"$credentials"
sed 's/^ *INFO/  /' "$dir/timing"

say "The line for ~/.aws/config (here: $dir/config)"
cat >"$dir/config" <<CONFIG
[profile lab]
region = us-east-1
credential_process = $line
ca_bundle = $lab/ca-bundle.pem
endpoint_url = $url
CONFIG
sed 's/^/   /' "$dir/config"
export AWS_CONFIG_FILE=$dir/config AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_PROFILE=lab

say "aws sts get-caller-identity, by the real AWS CLI ($("$venv/bin/aws" --version | cut -d ' ' -f 1))"
"$venv/bin/aws" sts get-caller-identity --output json | sed 's/^/   /'

say "The same by boto3"
"$venv/bin/python" -c 'import boto3; print("  ", boto3.client("sts").get_caller_identity()["Arn"])'

say "What is kept for the next run: the AWS CLI and boto3 got what the first run did"
"$programs/keyanchor" cache list | sed 's/^/   /'

say "What the server says it verified: one signature for all"
grep -E '^(POST|GET) ' "$dir/server.log" | sed 's/^/   /'
