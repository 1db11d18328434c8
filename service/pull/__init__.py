"""Other people's models: fetched, checked against what is known of them, and handed on as files."""
