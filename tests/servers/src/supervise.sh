#!/bin/sh
# Runs a server for as long as its owner lives. The owner holds the other end of standard input and writes the
# names of signals there. When the pipe ends, which it also does when the owner is killed, the server is killed:
# none outlives its owner.
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
{
  while read -r signal <&3; do kill -s "$signal" "$server"; done
  kill -s KILL "$server"
} 2>/dev/null &
watch=$!
exec 3<&-
wait "$server"
code=$?
kill "$watch" 2>/dev/null
exit "$code"
