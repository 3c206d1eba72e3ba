# Counts the words of a file: {"path": "a.txt"} in, a number out.
# sh reads no JSON; for one plain value sed does.
path=$(sed -n 's/.*"path": *"\([^"]*\)".*/\1/p')

if [ ! -f "$path" ]; then
	echo "there is no file $path" >&2 # the log; its last line is also the error
	exit 65                           # no retry will help: a dead letter
fi
if [ -e "$path.lock" ] && [ "$STEM_TASK_ATTEMPT" = 0 ]; then
	echo "$path is locked" >&2
	exit 75 # try again, after the backoff
fi

echo '{"type": "progress", "percent": 50}' >&3 # descriptor 3 leads to the worker
wc -w <"$path"                                  # standard output is the result
