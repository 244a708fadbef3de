"""Who may send requests: open paths, keys, their models and rates, and other origins."""
