#!/bin/sh
# A pinentry for tests: speaks Assuan as pinentry 1.2 does, writes down what it was told, and answers a question with
# the next line of the file beside it: `say LINE|LINE`, `hang`, `die`.
here=${0%/*}
log() { printf '%s\n' "$1" >>"$here/pinentry.log"; }
say() { printf '%s\n' "$1"; }
unknown() { say "ERR $1 $2 <Pinentry>"; }

# Takes the first line out of the file. Two questions may be asked at once, of two processes.
take() {
    exec 9>"$here/pinentry.lock"
    flock 9
    answer=$(head -n 1 "$here/pinentry.answers")
    sed -i 1d "$here/pinentry.answers"
    exec 9>&-
}

answered() {
    take
    case $answer in
        'say '*) printf '%s\n' "${answer#say }" | tr '|' '\n' ;;
        hang) exec sleep 600 ;; # as a dialogue that nobody looks at: the end of stdin is not seen
        die) exit 1 ;;
        *)
            log "# no answer is left"
            exit 1
            ;;
    esac
}

option() {
    case $1 in
        no-grab | grab | debug-wait=* | display=* | ttyname=* | ttytype=* | ttyalert=* | lc-ctype=* | lc-messages=* | \
            owner=* | touch-file=* | parent-wid=* | default-*=* | invisible-char=* | allow-external-password-cache | \
            allow-emacs-prompt | formatted-passphrase* | constraints-*) say OK ;;
        *) unknown 83886254 'Unknown option' ;;
    esac
}

log "# started with:$(printf ' %s' "$@")"
log "# environment: $(env | tr '\n' ' ')"
for fd in "/proc/$$/fd"/*; do
    file=$(readlink "$fd")
    # the shell has its script open
    [ "$file" = "$0" ] || log "# descriptor ${fd##*/}: $file"
done
say 'OK Pleased to meet you'
while IFS= read -r line; do
    log "$line"
    case $line in
        '' | '#'*) ;;
        GETPIN | 'GETPIN '* | CONFIRM | 'CONFIRM '* | MESSAGE | 'MESSAGE '*) answered ;;
        'OPTION '*) option "${line#OPTION }" ;;
        SETDESC* | SETPROMPT* | SETTITLE* | SETERROR* | SETOK* | SETCANCEL* | SETNOTOK* | SETTIMEOUT* | SETKEYINFO* | \
            SETREPEAT* | SETQUALITYBAR* | NOP | RESET | CANCEL | END) say OK ;;
        'GETINFO flavor') say 'D fake' && say OK ;;
        'GETINFO version') say 'D 1.2.1' && say OK ;;
        'GETINFO pid') say "D $$" && say OK ;;
        'GETINFO '*) unknown 83886360 'IPC parameter error' ;;
        BYE)
            say 'OK closing connection'
            exit 0
            ;;
        *) say 'ERR 536871187 Unknown IPC command <User defined source 1>' ;;
    esac
done
