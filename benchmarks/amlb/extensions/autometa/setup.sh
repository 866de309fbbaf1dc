#!/usr/bin/env bash
# Called by the benchmark: setup.sh [VERSION] [SOURCE]
# SOURCE is a repository, a folder, or "here": the checkout that this file lies in.
HERE=$(cd "$(dirname "$0")" && pwd)
VERSION=${1:-"stable"}
SOURCE=${2:-""}
if [[ "${SOURCE}" == "here" ]]; then
    SOURCE=$(cd "${HERE}/../../../.." && pwd)
fi

# The benchmark has just written there where it lies itself: AMLB_ROOT. Older releases name it so.
SETUP_ENV="${HERE}/.setup/setup_env"
[[ -f "${SETUP_ENV}" ]] || SETUP_ENV="${HERE}/.setup_env"
. "${SETUP_ENV}"
# The folder makes it a virtual environment of this framework alone.
. "${AMLB_ROOT}/frameworks/shared/setup.sh" "${HERE}" true

# By itself first: elsewhere pip may choose a torch with CUDA, of several gigabytes.
PIP install --no-cache-dir "$(grep '^torch' "${HERE}/requirements.txt")"
if [[ -n "${SOURCE}" ]]; then
    PIP install --no-cache-dir "${SOURCE}"
elif [[ "${VERSION}" =~ ^[0-9] ]]; then
    PIP install --no-cache-dir "autometa==${VERSION}"
else
    PIP install --no-cache-dir -r "${HERE}/requirements.txt"
fi

mkdir -p "${HERE}/.setup"
PY -c "from importlib.metadata import version; print(version('autometa'))" > "${HERE}/.setup/installed"
