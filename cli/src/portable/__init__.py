"""The developer's command line, which runs the backend locally. It is not in the image."""
