#!/bin/sh
# Removes NVIDIA's libraries that torch opens only once it has found a GPU; those it links against must stay.
set -eu
site=$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
cd "$site"
find nvidia/cudnn/lib -name 'libcudnn_*.so*' -delete
rm -rf nvidia/*/include nvidia/cu13/lib/*.a
for library in libcusolverMg libnvblas libnvrtc.alt libnvrtc-builtins libnvperf_host libnvperf_target \
    libcheckpoint libpcsamplingutil libcufftw libcufile_rdma; do
    rm -f nvidia/cu13/lib/"$library".*
done
