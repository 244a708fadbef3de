"""go.mod of a module of our own that builds a program whose module can't be installed by itself."""

import re


def build_module(published: str, module: str, version: str, local_version: str) -> str:
    """Turn a program's published go.mod into one that requires it as a dependency.

    What the published file points at its own folders, which the module archive lacks, is replaced by its
    release `local_version`; in Kubernetes' exactly the `v0.0.0` requirements that stood for them too.
    """
    text = re.sub(r"^module .*$", "module sirocco.dev/build", published, count=1, flags=re.MULTILINE)
    text = re.sub(r"(\S+) => \./\S+", rf"\1 => \1 {local_version}", text)
    text = re.sub(r"(k8s\.io/\S+) v0\.0\.0(?=\s|$)", rf"\1 {local_version}", text)
    if re.search(r"=> [./]", text):
        raise ValueError(f"{module} {version}: go.mod still points at a folder after the rewrite")
    return f"{text.rstrip()}\n\nrequire {module} {version}\n"
