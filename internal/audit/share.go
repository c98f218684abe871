package audit

import (
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/sysctl"
)

// share takes back a drift that another container of the same network namespace
// explains: the policy let that one ask for the value, and would let this one.
// Other containers of the pod, such as the one that podman makes to hold its
// namespaces, are not configured to ask.
func share(containers []Container) {
	asked := map[shared]bool{}
	for _, c := range containers {
		for _, k := range c.Keys {
			if k.Status == OK && k.Wanted && k.network() {
				asked[shared{c.Netns, k.Key, k.Now}] = true
			}
		}
	}
	for _, c := range containers {
		for i := range c.Keys {
			k := &c.Keys[i]
			if k.Status == Drift && asked[shared{c.Netns, k.Key, k.Now}] && k.Setting.AllowsAnnotation(k.Now) == nil {
				k.Status, k.Want = OK, k.Now
			}
		}
	}
}

// shared is a value in a namespace that containers may share.
type shared struct {
	netns uint64
	key   sysctl.Key
	value string
}

func (k *Key) network() bool {
	t, err := k.Key.Namespace()
	return err == nil && t == specs.NetworkNamespace
}
