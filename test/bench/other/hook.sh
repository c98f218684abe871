#!/bin/sh
# The hook as a shell script: what people write first. A yardstick for make bench.
pid=$(jq .pid)
exec nsenter --target "$pid" --net sysctl -q -w net.ipv4.tcp_keepalive_time=600 \
	net.ipv4.tcp_keepalive_intvl=10 net.ipv4.tcp_keepalive_probes=6
