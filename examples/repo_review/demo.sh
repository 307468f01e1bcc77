#!/bin/sh
# make demo: the team reviews REPO, or this project; ARGS are options. The environment comes from
# the Makefile.
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck disable=SC2086 # a list of words
exec "$BUILD_DIR/examples/repo_review/repo_review" ${ARGS:-} -- "${REPO:-$here}"
