#!/bin/sh
# The manual page and the completions that wok-server makes of its table of options.
. "$(dirname "$0")/common"

cd "$scratch" || exit 1
for shell in bash zsh fish; do "$WOK_SERVER" --completions $shell >completions.$shell; done
"$WOK_SERVER" --help=man >wok-server.1
flags=$("$WOK_SERVER" --help | sed -n 's/^  \(--[a-z-]*\).*/\1/p')
same "--help lists many options" 1 $(($(echo "$flags" | wc -l) >= 20))

# A shell on a terminal of its own: what the line is, word by word, after its last letter came a tab.
cat >type.py <<'END'
import os, pty, re, select, sys, time
shell, begin, line = sys.argv[1].split(), sys.argv[2], sys.argv[3]
pid, terminal = pty.fork()
if pid == 0:
    os.environ.update(TERM="dumb", PS1="> ", HOME=os.getcwd(), HISTFILE="/dev/null", COLUMNS="1000")
    os.execvp(shell[0], shell)
seen, deadline = b"", time.monotonic() + 20
def until(pattern):
    global seen
    while not re.search(pattern, seen):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([terminal], [], [], left)[0]:
            sys.exit("it said: " + seen.decode(errors="replace"))
        seen += os.read(terminal, 4096)
os.write(terminal, (begin + "; echo rea''dy\n").encode())
until(b"ready\r\n")
seen = b""
os.write(terminal, (line + "\t\x01printf '[%s]' LINE \x05\n").encode())
until(rb"\[LINE\](\[[^]\n]*\])+")
print(re.search(rb"\[LINE\]((\[[^]\n]*\])+)", seen)[1].decode())
os.kill(pid, 9)
END
becomes() { # shell, its beginning, claim, expected words, typed
    same "$3" "[wok-server]$4" "$(timeout 30 python3 type.py "$1" "$2" "wok-server $5" 2>&1 | tail -n 1)"
}
: >"some file.conf"
mkdir "a folder"
: >"a folder/it's.pem"

tool() { command -v "$1" >/dev/null || { skip "$1 is not here"; false; }; }

# ---- the manual page -------------------------------------------------------------------------------

for flag in $flags; do
    grep -qF "\\fB$(echo "$flag" | sed 's/-/\\-/g')\\fR" wok-server.1
    check $? "the manual page has $flag"
done
if tool groff; then
    groff -man -ww -Tascii wok-server.1 >page 2>complaints
    same "groff complains of nothing" 0 $(($(wc -c <complaints)))
    # Bold by overstriking, or by escapes.
    sed 's/.\x08//g; s/\x1b\[[0-9;]*m//g' page >text
    for word in NAME OPTIONS 'ENVIRONMENT' 'LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES' SIGNALS SIGHUP SIGQUIT 'EXIT STATUS' '1 +a health check failed' ' --drain-delay MS' 'WOK_GRACE; 0 to 86400000; default: 8000'; do
        finds "the page shows $word" "$word" text
    done
fi
if tool mandoc; then
    mandoc -T lint -W error wok-server.1 >complaints
    check $? "mandoc finds no error" "$(cat complaints)"
fi

# ---- bash ------------------------------------------------------------------------------------------

if tool bash; then
    cat >ask.bash <<'END'
. ./completions.bash
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_wok_server
printf '%s\n' "${COMPREPLY[@]}"
END
    completes() { # claim, expected, words...
        claim=$1 expected=$2
        shift 2
        same "bash: $claim" "$expected" "$(bash ask.bash wok-server "$@" | tr '\n' ' ')"
    }
    same "bash completes every option" "$(echo "$flags" | sort)" "$(bash ask.bash wok-server -- | sort)"
    completes "a beginning" '--body-bytes-max --body-progress-timeout --body-timeout ' --bo
    completes "the values of --completions" 'bash zsh fish ' --completions ''
    completes "an attached value" 'markdown ' --help = mar
    completes "nothing where a number is to be typed" ' ' --grace ''
    completes "after --help other options" '--version ' --help --ver
    bash ask.bash wok-server --help '' >seen
    ! grep -q '^markdown' seen
    check $? "bash: the forms of --help only where they are attached"
    completes "a switch's values" 'on off ' --demo ''
    completes "a switch's attached values" 'on off ' --access-log = o
    completes "after a switch other options" '--workers ' --sandbox --wo
    completes "what is in short" '-h ' -h
    completes "one that is repeatable, again" '--tls-cert ' --tls-cert a --tls-cer
    if tool python3; then
        typed() { becomes 'bash --norc --noprofile -i' "bind 'set bell-style none'; . ./completions.bash" "bash, typed: $1" "$2" "$3"; }
        typed "an option" '[--workers]' '--worke'
        typed "a word" '[--log-level][warn]' '--log-level w'
        typed "an attached word" '[--log-level=warn]' '--log-level=w'
        typed "a switch" '[--demo=off]' '--demo=of'
        typed "a file with a blank" '[--config][some file.conf]' '--config so'
        typed "an attached file" '[--config=some file.conf]' '--config=so'
        typed "a second file, in a folder" "[--tls-cert][x][--tls-cert][a folder/it's.pem]" '--tls-cert x --tls-cert a\ folder/i'
        typed "a file of the home" "[--tls-key][$PWD/some file.conf]" '--tls-key ~/so'
        typed "nothing where an address is to be typed" '[--listen][so]' '--listen so'
    fi
fi

# ---- zsh and fish ----------------------------------------------------------------------------------

if tool zsh; then
    mkdir -p functions
    cp completions.zsh functions/_wok-server
    # A shell on a terminal of its own, asked for completions by a tab.
    cat >ask.zsh <<'END'
zmodload zsh/zpty
zpty it zsh -f
zpty -w it 'PS1=; fpath=($PWD/functions $fpath); autoload -U compinit; compinit -u -D; zstyle ":completion:*" list-colors "no="; LISTMAX=1000; print rea""dy'
zpty -r -m it seen '*ready*'
zpty -w -n it $'wok-server --body-p\t\C-a: \C-e\n'
zpty -w it 'print do""ne'
zpty -r -m it seen '*done*'
print -r -- $seen
END
    timeout 20 zsh -f ask.zsh >seen 2>&1
    finds "zsh completes a beginning" '--body-progress-timeout' seen
    if tool python3; then
        # shellcheck disable=SC2016 # for zsh
        typed() { becomes 'zsh -f -i' 'bindkey -e; PS1="> "; unsetopt beep; fpath=($PWD/functions $fpath); autoload -U compinit; compinit -u -D' "zsh, typed: $1" "$2" "$3"; }
        typed "an option" '[--workers]' '--worke'
        typed "a word" '[--log-level][warn]' '--log-level w'
        typed "an attached word" '[--log-level=warn]' '--log-level=w'
        typed "a switch" '[--demo=off]' '--demo=of'
        typed "after a switch other options" '[--sandbox][--pipelined-max]' '--sandbox --pipe'
        typed "a file with a blank" '[--config][some file.conf]' '--config so'
        typed "a second file, in a folder" "[--tls-cert][x][--tls-cert][a folder/it's.pem]" '--tls-cert x --tls-cert a\ folder/i'
        typed "the shells" '[--completions][fish]' '--completions f'
        typed "nothing where an address is to be typed" '[--listen][so]' '--listen so'
    fi
    zsh -n completions.zsh
    check $? "zsh reads the completions"
    same "zsh has every option" "$(echo "$flags" | sort)" \
        "$(sed -n "s/^    '\\*\\{0,1\\}\\(--[a-z-]*[a-z]\\).*/\\1/p" completions.zsh | sort)"
fi
if tool fish; then
    HOME=$scratch fish -c 'source completions.fish; complete -C"wok-server --"' 2>&1 | sed 's/[[:blank:]=].*//' | sort -u >seen
    same "fish completes every option" "$(echo "$flags" | sort)" "$(cat seen)"
    HOME=$scratch fish -c 'source completions.fish; complete -C"wok-server --completions f"' >seen 2>&1
    finds "fish completes the values of --completions" '^fish' seen
    fish_has() { # claim, expected, typed: without the descriptions
        same "fish: $1" "$2" "$(HOME=$scratch fish -c "source completions.fish; complete -C'wok-server $3'" 2>&1 | cut -f 1 | tr '\n' ' ')"
    }
    fish_has "a word" 'warn ' '--log-level w'
    fish_has "an attached word" '--log-level=warn ' '--log-level=w'
    fish_has "a switch's values" '--demo=off --demo=on ' '--demo='
    fish_has "a file" 'some file.conf ' '--config so'
    fish_has "a second file" 'some file.conf ' '--tls-cert x --tls-cert so'
    fish_has "nothing where an address is to be typed" '' '--listen so'
    HOME=$scratch fish -c 'source completions.fish; complete -C"wok-server -"' | cut -f 1 | sort >seen
    same "fish has what is in short" '-V -h ' "$(grep -E '^-[a-zA-Z]$' seen | LC_ALL=C sort | tr '\n' ' ')"
fi
finish
