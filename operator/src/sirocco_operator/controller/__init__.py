"""Generic machinery of a level-triggered controller; it knows no InferenceModel."""
