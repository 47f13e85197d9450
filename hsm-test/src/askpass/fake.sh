#!/bin/sh
# An askpass program for tests, or a notify-send: writes down what it was told, and does what the next line of the file
# beside it says: `say TEXT`, `fail`, `hang`.
name=${0##*/}
here=${0%/*}
printf '%s\n' "# started" "$@" >>"$here/$name.log"
exec 9>"$here/$name.lock"
flock 9
answer=$(head -n 1 "$here/$name.answers")
sed -i 1d "$here/$name.answers"
exec 9>&-
case $answer in
    'say '*) printf '%s\n' "${answer#say }" ;;
    hang) exec sleep 600 ;;
    *) exit 1 ;;
esac
