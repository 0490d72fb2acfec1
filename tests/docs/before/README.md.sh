timeserver --port 8080
