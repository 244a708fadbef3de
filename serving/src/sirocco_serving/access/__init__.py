"""Who may come in, what for and how often: paths, keys, their models and rates, other origins."""
