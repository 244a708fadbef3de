"""One level-triggered pass for one model: read, build, diff, apply, prune, observe, status."""
