#!/bin/sh
# install.sh install|remove: brings the hook to a node, or takes it away.
#
# HOST is where the node's directories are, POLICY is the directory of the
# policy. A file that is replaced is the old one or the new one at any time.
set -eu

HOST=${HOST:-/host}
POLICY=${POLICY:-/policy}

bin=usr/libexec/oci/hooks.d/oci-sysctl-hook
hook=usr/share/containers/oci/hooks.d/oci-sysctl-hook.json
policies=usr/share/oci-sysctl-hook/policy.d

# put FROM TO MODE. Neither the runtime nor the hook reads a file named *.new.
put() {
	cp "$1" "$2.new"
	chmod "$3" "$2.new"
	sync "$2.new"
	mv -f "$2.new" "$2"
}

# check lets the new hook load the new policy, as it would for a container that
# has all its namespaces from the host and so gets nothing: a policy that can't
# be loaded would stop every container of the node, and this one too.
check() {
	bundle=$(mktemp -d)
	echo '{"linux": {"namespaces": [{"type": "mount"}]}}' >"$bundle/config.json"
	echo "{\"ociVersion\": \"1.2.0\", \"id\": \"check\", \"pid\": $$, \"bundle\": \"$bundle\"}" |
		"/$bin" --policy-dir "$POLICY" --log=none
	rm -r "$bundle"
}

install() {
	check
	put "/$bin" "$HOST/$bin" 755
	for file in "$POLICY"/*.toml; do
		put "$file" "$HOST/$policies/${file##*/}" 644
	done
	for file in "$HOST/$policies"/*.toml; do
		[ -e "$POLICY/${file##*/}" ] || rm -f "$file"
	done
	# From here on containers run the hook.
	put "/$hook" "$HOST/$hook" 644
}

remove() {
	# From here on no new container asks for the hook; let those finish that do.
	rm -f "$HOST/$hook"
	sleep "${GRACE:-15}"
	rm -f "$HOST/$bin" "$HOST/$policies"/*.toml
}

case ${1-} in
install | remove) "$1" ;;
*)
	echo "usage: install.sh install|remove" >&2
	exit 2
	;;
esac
