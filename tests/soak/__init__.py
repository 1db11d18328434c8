"""`make soak`: an hour of everything that happens to a service, and what that leaves behind."""
