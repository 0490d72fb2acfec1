cat > store_status.csv <<'EOF'
store_id,status,timestamp_utc
6529727365761998945,active,2026-10-05 09:30:00 UTC
6529727365761998945,inactive,2026-10-05 10:30:00 UTC
6529727365761998945,active,2026-10-05 11:30:00 UTC
EOF
printf 'store_id,day,start_time_local,end_time_local\n6529727365761998945,0,09:00:00,17:00:00\n' > menu_hours.csv
printf 'store_id,timezone_str\n6529727365761998945,UTC\n' > timezones.csv
printf 'store_id,date,start_time_local,end_time_local\n6529727365761998945,2026-12-25,,\n' > holidays.csv
printf 'store_id,day,start_time_local,end_time_local\n6529727365761998945,0,10:00:00,16:00:00\n' > winter.csv
printf 'store_id,region\n6529727365761998945,north\n' > regions.csv
mkdir inbox
