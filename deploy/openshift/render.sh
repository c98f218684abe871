#!/bin/bash
# render.sh IMAGE POLICY...: writes the MachineConfig that brings the hook, from
# IMAGE, and these policy files to OpenShift's worker nodes (ROLE=master: to the
# control plane's).
set -euo pipefail
here=$(dirname "$0")
image=${1:?usage: render.sh IMAGE POLICY...}
shift
role=${ROLE:-worker}

# file PATH MODE: an Ignition file with what is on standard input. Ignition
# takes contents as a data URL (RFC 2397), and the mode in decimal.
file() {
	cat <<-EOF
	        - path: $1
	          mode: $2
	          overwrite: true
	          contents:
	            source: data:;base64,$(base64 -w 0)
	EOF
}

cat <<EOF
# Made by render.sh; docs/kubernetes.md says how to use, change and remove it.
apiVersion: machineconfiguration.openshift.io/v1
kind: MachineConfig
metadata:
  name: 99-$role-oci-sysctl-hook
  labels:
    machineconfiguration.openshift.io/role: $role
spec:
  config:
    ignition:
      version: 3.4.0
    storage:
      files:
EOF
file /usr/local/bin/oci-sysctl-hook-install 493 <"$here/oci-sysctl-hook-install"
sed 's|/usr/libexec/oci/hooks.d|/usr/local/bin|' "$here/../../hooks.d/oci-sysctl-hook.json" |
	file /etc/oci-sysctl-hook/oci-sysctl-hook.json 420
for policy; do
	file "/etc/oci-sysctl-hook/policy.d/$(basename "$policy")" 420 <"$policy"
done
cat <<EOF
    systemd:
      units:
        - name: oci-sysctl-hook.service
          enabled: true
          contents: |
EOF
sed "s|@IMAGE@|$image|; s|^\(.\)|            \1|" "$here/oci-sysctl-hook.service"
