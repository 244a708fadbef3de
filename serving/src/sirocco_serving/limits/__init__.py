"""What one request may send and ask for: the size of its body, numbers in it, texts that are denied."""
