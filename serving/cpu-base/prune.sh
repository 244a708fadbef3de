#!/bin/sh
# Removes what only serves to compile for CUDA, and the symbols that only a debugger reads: half a gigabyte.
set -eu
site=$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
rm -rf "$site"/nvidia/*/include "$site"/nvidia/cu13/lib/*.a
find "$site/torch/lib" "$site/vllm" -maxdepth 1 -name '*.so' -exec strip --strip-unneeded {} +
