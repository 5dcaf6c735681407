# What the scripts share. Sourced, with the repository as the current directory.
# shellcheck shell=bash

# A relative OCTAVO_HOME means the caller's directory, which the scripts have left.
case ${OCTAVO_HOME:-/} in
    /*) ;;
    *) export OCTAVO_HOME="$OLDPWD/$OCTAVO_HOME" ;;
esac

# say TEXT...: a line on stderr, since stdout is for results.
say() { printf '%s\n' "$*" >&2; }

# heading TEXT: what comes next.
heading() { printf '\n==> %s\n' "$*" >&2; }

# fail TEXT...: ends the script; each argument is a line.
fail() {
    printf '%s: ' "${0##*/}" >&2
    printf '%s\n' "$@" >&2
    exit 1
}

# octavo_home: where Octavo keeps its files. The same rule as PrivateCluster.defaultHome.
octavo_home() {
    if [ -n "${OCTAVO_HOME:-}" ]; then
        printf '%s\n' "$OCTAVO_HOME"
    elif [ "$(id -u)" = 0 ]; then
        printf '%s\n' /var/lib/octavo
    else
        printf '%s\n' "${HOME:?is not set, nor is OCTAVO_HOME}/.local/share/octavo"
    fi
}
