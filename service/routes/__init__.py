"""The HTTP operations: image bytes in, two calls, schema out."""
