"""go.mod of a module of our own that builds a program whose module can't be installed by itself."""

import re


def build_module(published: str, module: str, version: str, libraries_version: str) -> str:
    """Turn Kubernetes' published go.mod into one that requires it as a dependency.

    The published file points its k8s.io libraries at ./staging, which the module archive lacks: they are
    replaced by their releases, and exactly the `v0.0.0` requirements that stood for them too.
    """
    text = re.sub(r"^module .*$", "module sirocco.dev/build", published, count=1, flags=re.MULTILINE)
    text = re.sub(r"(k8s\.io/\S+) => \./staging/src/\S+", rf"\1 => \1 {libraries_version}", text)
    text = re.sub(r"(k8s\.io/\S+) v0\.0\.0(?=\s|$)", rf"\1 {libraries_version}", text)
    if "./staging/" in text:
        raise ValueError(f"{module} {version}: go.mod still points into ./staging after the rewrite")
    return f"{text.rstrip()}\n\nrequire {module} {version}\n"
