#!/usr/bin/env bash
# A throw-away HSM for people and for tests: a SoftHSM2 token with four keys that cannot be exported, and a
# certificate authority that has issued a certificate to each. Run it again and it keeps what is there, or completes it.
# usage: softhsm/provision.sh DIR        (SOFTHSM2_MODULE names the module where it is not in its usual place)
set -euo pipefail
umask 077
export LC_ALL=C

readonly TOKEN=lab
export LAB_PIN=648219 LAB_SO_PIN=73519482 # through the environment: other users can read a command line
readonly LEAF_DAYS=365 CA_DAYS=3650

# --- what we stand on ------------------------------------------------------------------------------------------------

fail() { printf 'provision: %s\n' "$*" >&2; exit 1; }
say() { printf '%-5s %s\n' "$1" "$2"; }

need() { command -v "$1" >/dev/null || fail "$1 is missing: apt-get install $2"; }

find_module() {
  local path
  for path in "${SOFTHSM2_MODULE:-}" /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so; do
    if [ -f "$path" ]; then printf '%s' "$path"; return; fi
  done
  fail "libsofthsm2.so is missing: apt-get install softhsm2"
}

# Runs a command that has nothing to say unless it fails.
quietly() {
  local output
  output=$("$@" 2>&1) || fail "$* failed: $output"
}

token() { pkcs11-tool --module "$module" --token-label "$TOKEN" "$@"; }
unlocked() { token --login --pin env:LAB_PIN "$@"; }

# --- the token -------------------------------------------------------------------------------------------------------

# write_once FILE TEXT: the file is whole or absent, and left alone where it already says this.
write_once() {
  if [ "$(cat "$1" 2>/dev/null)" = "$2" ]; then say kept "$1"; return; fi
  printf '%s\n' "$2" >"$1.new"
  mv "$1.new" "$1"
  say wrote "$1"
}

write_configuration() {
  mkdir -p "$dir/tokens" "$dir/ca" "$dir/certs"
  write_once "$dir/softhsm2.conf" "directories.tokendir = $dir/tokens
objectstore.backend = file
log.level = ERROR
slots.removable = false"
  write_once "$dir/pin" "$LAB_PIN"
}

# Slots as lines "INDEX initialised|blank|pinless LABEL".
slots() {
  pkcs11-tool --module "$module" --list-slots 2>/dev/null | awk '
    /^Slot/ { slot = $2 }
    /token state: *uninitialized/ { print slot, "blank" }
    /token label/ { sub(/^[^:]*: */, ""); label = $0 }
    /token flags/ { print slot, (/PIN initialized/ ? "initialised" : "pinless"), label }'
}

initialise_token() {
  local listing slot
  listing=$(slots)
  if grep -q " initialised $TOKEN\$" <<<"$listing"; then say kept "token $TOKEN"; return; fi
  if ! grep -q " pinless $TOKEN\$" <<<"$listing"; then
    slot=$(awk '$2 == "blank" { print $1; exit }' <<<"$listing")
    quietly pkcs11-tool --module "$module" --slot-index "${slot:-0}" \
      --init-token --label "$TOKEN" --so-pin env:LAB_SO_PIN
  fi
  quietly token --login --login-type so --so-pin env:LAB_SO_PIN --init-pin --new-pin env:LAB_PIN
  say made "token $TOKEN"
}

# generate LABEL ID TYPE [OPTION]
generate() {
  local label=$1 id=$2 type=$3
  shift 3
  if grep -qx "  label: *$label" <<<"$keys"; then say kept "key $label"; return; fi
  quietly unlocked --keypairgen --key-type "$type" --id "$id" --label "$label" --usage-sign "$@"
  say made "key $label"
}

# store LABEL ID CERTIFICATE: puts a certificate on the token, in place of an older one of that label.
store() {
  local label=$1 id=$2 wanted=$scratch/wanted.der held=$scratch/held.der
  openssl x509 -in "$3" -outform DER -out "$wanted"
  if token --read-object --type cert --label "$label" --output-file "$held" >/dev/null 2>&1; then
    if cmp -s "$wanted" "$held"; then say kept "certificate $label on the token"; return; fi
    quietly unlocked --delete-object --type cert --label "$label"
  fi
  quietly unlocked --write-object "$wanted" --type cert --id "$id" --label "$label"
  say wrote "certificate $label on the token"
}

# --- the certificate authority ---------------------------------------------------------------------------------------

# authority NAME SUBJECT [OPTION]: a key and its CA certificate, moved into place together, the certificate last.
authority() {
  local name=$1 subject=$2 path=$dir/ca/$1
  shift 2
  if [ -s "$path.pem" ] && [ -s "$path.key" ]; then say kept "certificate authority $name"; return; fi
  quietly openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -sha256 -days "$CA_DAYS" \
    -subj "$subject" -addext keyUsage=critical,keyCertSign "$@" -keyout "$path.key.new" -out "$path.pem.new"
  mv "$path.key.new" "$path.key"
  mv "$path.pem.new" "$path.pem"
  say made "certificate authority $name"
}

# An intermediate of another root would leave every chain broken, so it goes when its root is new.
build_authorities() {
  local root=$dir/ca/root.pem intermediate=$dir/ca/intermediate.pem
  authority root '/O=Example/CN=Example Lab Root'
  openssl verify -CAfile "$root" "$intermediate" >/dev/null 2>&1 || rm -f "$intermediate"
  if [ -s "$intermediate" ]; then say kept 'certificate authority intermediate'; return; fi
  quietly openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -sha256 \
    -subj '/O=Example/CN=Example Lab Intermediate' -keyout "$dir/ca/intermediate.key" -out "$scratch/intermediate.csr"
  printf '%s\n' basicConstraints=critical,CA:TRUE,pathlen:0 keyUsage=critical,keyCertSign \
    subjectKeyIdentifier=hash authorityKeyIdentifier=keyid >"$scratch/intermediate.cnf"
  quietly openssl x509 -req -in "$scratch/intermediate.csr" -CA "$root" -CAkey "$dir/ca/root.key" -sha256 \
    -days "$CA_DAYS" -extfile "$scratch/intermediate.cnf" -out "$intermediate.new"
  mv "$intermediate.new" "$intermediate"
  say made 'certificate authority intermediate'
}

# A leaf is good while it is of this key, of this authority, and in date.
leaf_is_good() {
  [ -s "$1" ] && [ "$(openssl x509 -in "$1" -noout -pubkey)" = "$(cat "$2")" ] &&
    openssl verify -CAfile "$dir/ca/root.pem" -untrusted "$dir/ca/intermediate.pem" "$1" >/dev/null 2>&1
}

# issue LABEL: p11tool exports the public key, since pkcs11-tool 0.23 cannot read a P-384 one; without --outfile it
# would wait three seconds.
issue() {
  local label=$1 leaf=$dir/certs/$1.pem chain=$dir/certs/$1-chain.pem public=$scratch/$1.pub
  GNUTLS_PIN=$LAB_PIN quietly p11tool --provider "$module" --login \
    --export-pubkey "pkcs11:token=$TOKEN;object=$label;type=public" --outfile "$public"
  if leaf_is_good "$leaf" "$public"; then
    say kept "certificate $label"
  else
    quietly openssl x509 -new -force_pubkey "$public" -subj "/O=Example/CN=$label" -days "$LEAF_DAYS" -sha256 \
      -CA "$dir/ca/intermediate.pem" -CAkey "$dir/ca/intermediate.key" -extfile "$scratch/leaf.cnf" -out "$leaf.new"
    mv "$leaf.new" "$leaf"
    say made "certificate $label"
  fi
  cat "$leaf" "$dir/ca/intermediate.pem" >"$chain.new"
  mv "$chain.new" "$chain"
}

# --- the run ---------------------------------------------------------------------------------------------------------

# A path inside a PKCS#11 URI: what RFC 7512 reserves is percent-encoded.
encoded() {
  local text=$1 out='' c i
  for ((i = 0; i < ${#text}; i++)); do
    c=${text:i:1}
    case $c in [A-Za-z0-9/._~-]) out+=$c ;; *) out+=$(printf '%s' "$c" | od -An -v -tx1 | tr -d '\n' | tr ' ' '%') ;; esac
  done
  printf '%s' "$out"
}

[ $# -eq 1 ] && [ -n "$1" ] || fail 'usage: provision.sh DIR'
need openssl openssl
need pkcs11-tool opensc
need p11tool gnutls-bin
module=$(find_module)
mkdir -p "$1"
dir=$(realpath "$1")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
printf '%s\n' basicConstraints=critical,CA:FALSE keyUsage=critical,digitalSignature extendedKeyUsage=clientAuth \
  subjectKeyIdentifier=hash authorityKeyIdentifier=keyid >"$scratch/leaf.cnf"

write_configuration
export SOFTHSM2_CONF=$dir/softhsm2.conf
initialise_token
keys=$(unlocked --list-objects --type privkey 2>/dev/null) || fail "the token $TOKEN under $dir does not open with the test PIN"
generate laptop 01 EC:prime256v1
generate rsa2048 02 rsa:2048
generate p384 03 EC:secp384r1
generate always 04 rsa:2048 --always-auth
build_authorities
for label in laptop rsa2048 p384 always; do issue "$label"; done
store rsa2048 02 "$dir/certs/rsa2048.pem"
store intermediate a1 "$dir/ca/intermediate.pem"

printf '\nexport SOFTHSM2_CONF=%q\n' "$SOFTHSM2_CONF"
printf 'pkcs11:token=%s;object=laptop;type=private?pin-source=file:%s\n' "$TOKEN" "$(encoded "$dir/pin")"
