head -n 600 /var/log/nginx/access.log > access.log.1
tail -n 400 /var/log/nginx/access.log > access.log
gzip -k access.log.1
for path in /old /older; do
  echo '192.0.2.1 - - [26/Nov/2026:06:00:00 +0000] "GET '$path' HTTP/1.1" 200 1 "-" "curl/8.0"' >> /var/log/nginx/access.log
done
