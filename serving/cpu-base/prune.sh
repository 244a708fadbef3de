#!/bin/sh
# Removes what only serves to compile for CUDA.
set -eu
site=$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
rm -rf "$site"/nvidia/*/include "$site"/nvidia/cu13/lib/*.a
