#!/bin/sh
# make demo: the team reviews REPO, or this project. The environment comes from the Makefile.
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)
exec "$BUILD_DIR/examples/repo_review/repo_review" "${REPO:-$here}"
