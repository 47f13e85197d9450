#!/bin/bash
# Installs what the demo and the tests need and this Debian lacks; says nothing where all is there. With `interop`
# also what the tests of a real desktop need.
set -euo pipefail

packages=(
    build-essential   # a linker for Rust, a C compiler for AWS-LC, readelf
    ca-certificates
    faketime          # clocks that are wrong
    gdb               # the memory of a process, to look for PINs in it
    gnutls-bin        # p11tool
    iproute2          # ip, for namespaces of the network
    libclang-dev      # bindgen reads headers, for kryoptic and the plain PIV card
    libnss3-tools     # certutil, and NSS's module with it
    libpcsclite-dev   # what the device host of YubiKeys is linked with
    libsqlite3-dev    # where kryoptic keeps its objects
    libssl-dev        # what kryoptic calculates with
    libtss2-dev       # what the TPM's device host is linked with
    opensc            # pkcs11-tool
    opensc-pkcs11     # pkcs11-spy.so, which counts the calls
    openssl
    pcscd             # what YubiKeys and other smart cards are reached through
    pinentry-curses   # asks on a terminal, in a window of letters
    pinentry-tty      # asks on a terminal that it is told
    pkg-config        # finds the libraries
    procps            # kill
    python3-venv      # for the AWS CLI and boto3
    softhsm2
    strace            # what processes hand on
    swtpm             # a TPM
    swtpm-tools       # swtpm_ioctl, its switch
    tpm2-openssl      # keys in a TPM for OpenSSL
    tpm2-tools
    util-linux        # nsenter, prlimit, setpriv, setsid, unshare
    vsmartcard-vpcd   # a reader for cards that are programs
    ykcs11            # Yubico's PKCS#11 module
    yubico-piv-tool   # makes keys in YubiKeys, also in those that are programs
    yubikey-manager   # the same for new firmware: ykman
)

interop=(
    dbus-daemon       # what a desktop's programs talk through
    dunst             # shows notifications
    fonts-dejavu-core # and their letters
    libnotify-bin     # notify-send
    pinentry-gnome3
    pinentry-gtk2
    xdotool           # types into windows
    xvfb              # a screen that is none
)
if [ "${1:-}" = interop ]; then packages+=("${interop[@]}"); fi

missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

run=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "install as root: apt-get install ${missing[*]}" >&2; exit 1; }
    run=(sudo)
fi
echo "installing ${missing[*]}"
"${run[@]}" apt-get update -qq
"${run[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=900 \
    install -y --no-install-recommends "${missing[@]}" >/dev/null
