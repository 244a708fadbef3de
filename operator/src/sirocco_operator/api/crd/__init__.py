"""What makes the CRD and its page from the models of the API."""
