"""A kind cluster with fake GPUs, its tools and the project's images, from published images or packages."""
