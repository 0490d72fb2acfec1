trafficgen feed hosting --output . --speed max --servers 2 --days 10 --seed 1
mkdir logs
cp logs.json logs/
printf 'account,plan,promise,credits,zone,language\n,gold,99.99,"99.99:10,99.0:25,95.0:100",,\n1,gold,,,Asia/Tokyo,ja\n2,,99.5,,,\n' > plans.csv
printf 'server,start,end,reason\n0,2016-02-20 03:00:00,2016-02-20 04:00:00,kernel update\n' > maintenance.csv
