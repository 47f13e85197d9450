#!/bin/bash
# The one thing that keyanchor's targets do not install by themselves: Rust, 1.89 or newer.
set -euo pipefail

needed=1.89
line="curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh"

found=$(cargo --version 2>/dev/null | awk '{print $2}') || true
if [ -z "$found" ]; then
    printf 'keyanchor needs Rust %s or newer. Install it, open a new shell, and try again:\n  %s\n' "$needed" "$line" >&2
    exit 1
fi
if [ "$(printf '%s\n' "$needed" "$found" | sort -V | head -n 1)" != "$needed" ]; then
    printf 'keyanchor needs Rust %s or newer; this is %s. Update it with "rustup update", or install it:\n  %s\n' "$needed" "$found" "$line" >&2
    exit 1
fi
