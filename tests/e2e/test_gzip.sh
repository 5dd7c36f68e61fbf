#!/bin/sh
# gzip: who gets it, who does not, and that others do not wait for it.
. "$(dirname "$0")/common"

many=$(i=0; while [ $i -lt 60 ]; do printf '&source=name%%20%s:0' $i; i=$((i + 1)); done)
large="/aggregate?${many#&}"
length() { header Content-Length; }
size() { echo $(($(wc -c <"$body"))); }

start_server
ask "$large" -H 'Accept-Encoding: gzip'
same "a large answer is compressed" 'gzip Accept-Encoding' "$(header Content-Encoding) $(header Vary)"
same "its length is that of what comes" "$(length)" "$(size)"
compressed=$(size)
gzip -dc <"$body" >"$scratch/text"
check $? "gzip reads it, to its end"
mv "$scratch/text" "$body"
holds "it is the whole answer" "it.results.length === 60 && it.results[59].source === 'name 59' && text.endsWith('}\n')"
[ $((compressed * 4)) -lt "$(size)" ]
check $? "it is less than a quarter" "$compressed of $(size)"
ask "$large" --compressed
holds "curl --compressed" "it.results.length === 60"
ask "$large" -H 'Accept-Encoding: gzip' --http1.0
same "a client of HTTP/1.0 gets it, too" gzip "$(header Content-Encoding)"

for value in '' 'gzip;q=0' 'br, deflate' 'identity, gzip;q=0.5' '*;q=0'; do
    ask "$large" -H "Accept-Encoding: $value"
    same "'$value': as it is, and caches are told why" ' Accept-Encoding' "$(header Content-Encoding) $(header Vary)"
    holds "'$value': it is whole" "it.results.length === 60"
done
for value in 'gzip;q=0.1' '*' 'x-gzip' 'deflate, gzip;q=1.0, *;q=0.5' 'gzip, identity;q=0'; do
    ask "$large" -H "Accept-Encoding: $value"
    same "'$value': compressed" gzip "$(header Content-Encoding)"
done

for from in 'Sec-Fetch-Site: cross-site' 'Referer: https://elsewhere.example/'; do
    ask "$large" -H 'Accept-Encoding: gzip' -H "$from"
    same "$from: as it is" '' "$(header Content-Encoding)"
done
ask "$large" -H 'Accept-Encoding: gzip' -H "Referer: $url/"
same "a page of its own: compressed" gzip "$(header Content-Encoding)"

ask "$large" -H 'Accept-Encoding: gzip' -I
same "HEAD: the same encoding" gzip "$(header Content-Encoding)"
[ "$(length)" -gt 300 ] && [ "$(length)" -lt 3000 ]
check $? "HEAD: the length of what GET sends" "$(length)"
ask /healthz -H 'Accept-Encoding: gzip'
same "a small answer stays as it is" ' ' "$(header Content-Encoding) $(header Vary)"
ask /healthz -H 'Accept-Encoding: gzip, *;q=0'
same "what would become larger stays" ok "$(cat "$body")"
client gzip.mjs
stop_server

start_server --compression off
ask "$large" -H 'Accept-Encoding: gzip'
same "--compression off" ' ' "$(header Content-Encoding) $(header Vary)"
stop_server
WOK_COMPRESSION=off
export WOK_COMPRESSION
start_server --compression on --compression-bytes-min 200
ask / -H 'Accept-Encoding: gzip'
same "--compression on wins over the environment; a lower least size" gzip "$(header Content-Encoding)"
stop_server
unset WOK_COMPRESSION
start_server --compression-bytes-min 1000000
ask "$large" -H 'Accept-Encoding: gzip'
same "a higher least size" '' "$(header Content-Encoding)"
stop_server
finish
