"""Answers questions from a folder of documents, with a model that Sirocco serves."""
