"""People on the move: exports on the disk and over HTTP, and folders of photographs to enroll."""
