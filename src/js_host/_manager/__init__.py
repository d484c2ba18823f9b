"""The manager: a detached process that keeps hosts for programs that come and go."""
