"""The InferenceModel API: its types, and the CRD generated from them."""
