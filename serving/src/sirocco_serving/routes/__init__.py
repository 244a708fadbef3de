"""Our routes, a module an endpoint family."""
