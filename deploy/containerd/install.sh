#!/bin/sh
# Puts the hook and its policy on the node. The DaemonSet runs this before the
# plugin. Files are replaced in one step each: containers start meanwhile.
set -eu

to=${TO:-/opt/oci-sysctl-hook}
hook=${HOOK:-/usr/local/bin/oci-sysctl-hook}
policy=${POLICY:-/policy}

# put FILE TARGET MODE
put() {
	cp -L "$1" "$2.new"
	chmod "$3" "$2.new"
	mv -f "$2.new" "$2"
}

# check lets the new hook load the new policy, as it would for a container that
# has all its namespaces from the host and so gets nothing: a policy that can't
# be loaded would stop every container of the node, and this one too.
check() {
	bundle=$(mktemp -d)
	echo '{"linux": {"namespaces": [{"type": "mount"}]}}' >"$bundle/config.json"
	echo "{\"ociVersion\": \"1.2.0\", \"id\": \"check\", \"pid\": $$, \"bundle\": \"$bundle\"}" |
		"$hook" --policy-dir "$policy" --log=none
	rm -r "$bundle"
}

check
mkdir -p "$to/policy.d"
put "$hook" "$to/oci-sysctl-hook" 755
for file in "$policy"/*.toml; do
	put "$file" "$to/policy.d/${file##*/}" 644
done
for file in "$to"/policy.d/*.toml; do
	[ -e "$policy/${file##*/}" ] || rm "$file"
done
