printf 'releases:\n  - source: app\n    http: 127.0.0.1:8095\n' > exporter.yml
exporter --config.file exporter.yml
