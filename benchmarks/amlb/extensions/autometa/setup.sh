#!/usr/bin/env bash
# Called by the benchmark: setup.sh AMLB_DIR [VERSION] [REPOSITORY_OR_FOLDER]
HERE=$(dirname "$0")
AMLB_DIR="$1"
VERSION=${2:-"stable"}
SOURCE=${3:-""}

# The folder makes it a virtual environment of this framework alone.
. "${AMLB_DIR}/frameworks/shared/setup.sh" "${HERE}" true

# By itself first: elsewhere pip may choose a torch with CUDA, of several gigabytes.
PIP install --no-cache-dir "$(grep '^torch' "${HERE}/requirements.txt")"
if [[ -n "${SOURCE}" ]]; then
    PIP install --no-cache-dir "${SOURCE}"
elif [[ "${VERSION}" =~ ^[0-9] ]]; then
    PIP install --no-cache-dir "autometa==${VERSION}"
else
    PIP install --no-cache-dir -r "${HERE}/requirements.txt"
fi

PY -c "from importlib.metadata import version; print(version('autometa'))" > "${HERE}/.setup/installed"
