#!/bin/sh
# An echo server: many connections at once, and an end in which nothing that was received stays unanswered.
. "$(dirname "$0")/../examples/common"

command -v node >/dev/null || exit 77
scratch=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill -KILL "$server" 2>/dev/null; rm -rf "$scratch"' EXIT

mkfifo "$scratch/lines"
"$WOK_EXAMPLES/13_echo_server" >"$scratch/lines" 2>"$scratch/err" &
server=$!
exec 3<"$scratch/lines"
read -r line <&3 || fail "the server said nothing; $(cat "$scratch/err")"
port=${line#listening on 127.0.0.1:}
case $port in '' | *[!0-9]*) fail "no port in '$line'" ;; esac

# 50 connections; each gets back what it sends, and waits.  Then the server is told to stop, and each is
# to see the goodbye and the end.
timeout -k 1 20 node -e '
const net = require("net");
const port = +process.argv[1], server = +process.argv[2], count = 50;
let echoed = 0, ended = 0;
for (let i = 0; i < count; i++) {
    const said = `hello from ${i}\n`.repeat(100);
    let got = "", answered = false;
    const socket = net.connect(port, "127.0.0.1", () => socket.write(said));
    socket.on("data", data => {
        got += data;
        if (!answered && got.length >= said.length) {
            answered = true;
            if (++echoed === count) process.kill(server, "SIGTERM");
        }
    });
    socket.on("end", () => {
        if (got !== said + "The server stops; goodbye.\n") {
            console.log(`connection ${i} got something else: ${got.slice(-60)}`);
            process.exit(1);
        }
        socket.end();
        if (++ended === count) console.log("all have ended in order");
    });
    socket.on("error", error => { console.log(`connection ${i}: ${error}`); process.exit(1); });
}' "$port" "$server" >"$scratch/client" 2>&1 || fail "the client: $(cat "$scratch/client")"
same 'all have ended in order' "$(cat "$scratch/client")"
wait "$server"
status=$?
server=
[ "$status" -eq 0 ] || fail "the server ended with $status; $(cat "$scratch/err")"
same '50 connections are told to stop
0 connections are left' "$(cat <&3)"
