package test

import "testing"

const rpFilterEth0 = "net.ipv4.conf.eth0.rp_filter"

// The pod's interface is there when the hook runs, and a pattern covers it.
func TestCRIOInterface(t *testing.T) {
	const policy = `"net.ipv4.conf.*.rp_filter" = 2`
	eachRuntime(t, func(t *testing.T, r *ociRuntime) {
		hostUntouched(t)
		pod := (&crioPod{name: "web-0", namespace: "shop"}).create(t)
		spec := pod.container("app", 0, rpFilterEth0, rpFilterLo)
		createRuntime(spec, hookWith(policyDir(t, crioRule(policy))))
		wantPrinted(t, r.run(t, spec), []string{rpFilterEth0, rpFilterLo},
			map[string]string{rpFilterEth0: "2", rpFilterLo: "2"})
	})
}

// What CNI's tuning plugin sets on it wins over a default, for it alone.
func TestCRIOInterfaceTuned(t *testing.T) {
	const policy = `"net.ipv4.conf.*.arp_ignore" = 2`
	const eth0, lo = "net.ipv4.conf.eth0.arp_ignore", "net.ipv4.conf.lo.arp_ignore"
	eachRuntime(t, func(t *testing.T, r *ociRuntime) {
		pod := (&crioPod{name: "web-0", namespace: "shop"}).create(t)
		pod.network(t).set(t, eth0, "1")
		spec := pod.container("app", 0, eth0, lo)
		createRuntime(spec, hookWith(policyDir(t, crioRule(policy))))
		wantPrinted(t, r.run(t, spec), []string{eth0, lo}, map[string]string{eth0: "1", lo: "2"})
	})
}
