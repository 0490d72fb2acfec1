cp -r "$REPO/alerts" "$REPO/dashboards" .   # written to
mkdir docs rules
cp "$REPO/docs/alerts.md" docs/
python -m alerts slo export --output team.yml
printf 'objectives:\n  - {name: other, objective: 99, indicator: {kind: availability, from: log}}\n' > slo-other.yml
python -m alerts slo export --slo slo-other.yml --output other.yml
