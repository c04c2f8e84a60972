# Ends a private server when the process that started it is gone without having stopped it (SIGKILL, a crash).
# The server has its own process group and would otherwise outlive everything. Standard input is the leash: its end
# means that the starter is gone; a line on it means that the starter has stopped the server itself.
# Arguments: pid, signal, seconds to let the server's clients finish first, folders to remove afterwards.
trap '' INT TERM HUP
pid=$1 signal=$2 grace=$3
shift 3
if read -r _; then exit 0; fi
sleep "$grace"
kill -s "$signal" "$pid" 2>/dev/null
waited=0
while kill -0 "$pid" 2>/dev/null && [ "$waited" -lt 10 ]; do
  sleep 1
  waited=$((waited + 1))
done
kill -s KILL "$pid" 2>/dev/null
[ "$#" -eq 0 ] || rm -rf -- "$@"
