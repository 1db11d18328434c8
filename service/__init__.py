"""The face-recognition microservice: photographs in over HTTP, decisions out."""
