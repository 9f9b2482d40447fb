"""The plumbing of the REST API."""
