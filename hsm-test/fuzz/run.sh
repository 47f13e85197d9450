#!/bin/bash
# Fuzzes each parser of input from outside: `make fuzz`, or by hand
#   hsm-test/fuzz/run.sh OUT SECONDS_EACH [TARGET…]
# OUT keeps the corpus, the logs and what failed. Builds with the compiler that is there: the option for
# the address sanitizer is unstable, and its runtime comes with every toolchain.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=$1 seconds=$2
shift 2
here=hsm-test/fuzz
[ $# -gt 0 ] || set -- $(cd $here/fuzz_targets && ls | sed 's/\.rs$//')

export RUSTC_BOOTSTRAP=1
# A small quarantine, so that the peak of memory is that of the parser and not of the sanitizer.
export ASAN_OPTIONS=quarantine_size_mb=16
cargo metadata --locked --format-version 1 --manifest-path $here/Cargo.toml >/dev/null || {
    echo "the lock file of $here must follow ours: cp Cargo.lock $here/ && cargo metadata --manifest-path $here/Cargo.toml" >&2
    exit 1
}
cargo fuzz build --fuzz-dir $here --target-dir "$out" --sanitizer address
bin=$out/$(rustc -vV | sed -n 's/^host: //p')/release

limits=(
    -max_total_time="$seconds"
    -max_len=16384
    -timeout=5             # seconds for one input; a busy machine needs some for nothing
    -rss_limit_mb=256      # for all of it, the sanitizer's shadow included
    -malloc_limit_mb=16    # for one allocation
)

# One target: its row, and with a failure what is to be seen and done.
fuzz() {
    local target=$1 log=$out/logs/$1.log result=good remarks=''
    mkdir -p "$out"/{logs,failed,corpus/"$target"}
    "$bin/$target" "$out/corpus/$target" "$here/seeds/$target" "${limits[@]}" \
        -artifact_prefix="$out/failed/$target-" -print_final_stats=1 >"$log" 2>&1 || result=FAILED
    [ $result = good ] || remarks=$'\n'$(explain)
    printf '%-14s %12s %8s %8s %9s%s\n' "$target" \
        "$(stat number_of_executed_units)" "$(stat new_units_added)" "$(stat peak_rss_mb)" $result "$remarks"
    [ $result = good ]
}

stat() { sed -n "s/^stat::$1: *//p" "$log" | tail -n 1; }

explain() {
    local input
    input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
    grep -aE -A2 'panicked at|^==[0-9]+== ?ERROR|^SUMMARY' "$log" | sed 's/^/    /' || tail -n 5 "$log"
    echo "    once more: ASAN_OPTIONS=$ASAN_OPTIONS $bin/$target ${input:-(no input was written)}"
    echo "    mended, it becomes a seed: $here/seeds/$target/ is read by the tests as well"
}

# As many at a time as there are processors: each keeps one of them busy.
printf '%-14s %12s %8s %8s %9s\n' target executions new 'peak MB' result
failed=0 running=0
for target in "$@"; do
    if [ $running -lt "$(nproc)" ]; then running=$((running + 1)); else wait -n || failed=1; fi
    fuzz "$target" &
done
for ((; running > 0; running--)); do wait -n || failed=1; done
exit $failed
