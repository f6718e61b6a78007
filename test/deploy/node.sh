#!/bin/sh
# `node` as MiniStack starts it for a function. Lambda mounts layers at /opt; MiniStack unpacks them and names the folders in
# _LAMBDA_LAYERS_DIRS. Where this machine allows it the first one is mounted at /opt in a namespace of this process, so the
# function runs as it was deployed; elsewhere SNOWMELT_CONFIG points into the folder. Memory is not limited there: the heap is here. MiniStack
# itself may run at a higher priority (emulator.ts); what it starts does not.
layer="${_LAMBDA_LAYERS_DIRS%%:*}"
set -- "$SNOWMELT_NODE" --max-old-space-size="${AWS_LAMBDA_FUNCTION_MEMORY_SIZE:-512}" "$@"
[ "$(nice)" -ge 0 ] || set -- nice -n 10 "$@"
[ -n "$layer" ] || exec "$@"
mount='mount --bind "$1" /opt && shift && exec "$@"'
[ "$(id -u)" = 0 ] && flags=-m || flags=-rm
if unshare $flags sh -c 'mount --bind "$1" /opt' sh "$layer" 2>/dev/null; then
  exec unshare $flags sh -c "$mount" sh "$layer" "$@"
fi
SNOWMELT_CONFIG="$layer/snowmelt/config.json" exec "$@"
