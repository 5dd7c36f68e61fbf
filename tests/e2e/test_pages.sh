#!/bin/sh
# The manual page and the completions that wok-server makes of its table of options.
. "$(dirname "$0")/common"

cd "$scratch" || exit 1
for shell in bash zsh fish; do "$WOK_SERVER" --completions $shell >completions.$shell; done
"$WOK_SERVER" --help=man >wok-server.1
flags=$("$WOK_SERVER" --help | sed -n 's/^  \(--[a-z-]*\).*/\1/p')
same "--help lists many options" 1 $(($(echo "$flags" | wc -l) >= 20))

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
    for word in NAME OPTIONS 'ENVIRONMENT' 'EXIT STATUS' ' --drain-delay MS' 'WOK_GRACE; 0 to 86400000; default: 8000'; do
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
    : >"some file.conf"
    completes "a file" 'some file.conf ' --config some
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
fi
finish
