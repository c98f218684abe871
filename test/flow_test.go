package test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// keepalivePolicy is the policy that the hook was made for.
const keepalivePolicy = `
[[rule]]
name = "keepalive"
[rule.sysctls]
"net.ipv4.tcp_keepalive_time" = 600
"net.ipv4.tcp_keepalive_intvl" = 10
"net.ipv4.tcp_keepalive_probes" = 6
`

var keepaliveKeys = []string{keepaliveTime, keepaliveIntvl, keepaliveProbes}

// keepaliveSet is what keepalivePolicy makes of keepaliveKeys.
var keepaliveSet = map[string]string{keepaliveTime: "600", keepaliveIntvl: "10", keepaliveProbes: "6"}

// printing is a container whose first instruction is to print keys.
func printing(keys ...string) *specs.Spec {
	args := []string{"cat"}
	for _, key := range keys {
		args = append(args, keyPath(key))
	}
	return newSpec(args...)
}

// wantPrinted fails the test unless a container ran and printed the values.
func wantPrinted(t *testing.T, got result, keys []string, want map[string]string) {
	t.Helper()
	if got.code != 0 || got.stderr != "" {
		t.Fatalf("exit %d, stderr: %s", got.code, got.stderr)
	}
	lines := strings.Split(strings.TrimSuffix(got.stdout, "\n"), "\n")
	if len(lines) != len(keys) {
		t.Fatalf("the container printed %d lines for %d keys:\n%s", len(lines), len(keys), got.stdout)
	}
	printed := make(map[string]string)
	for i, key := range keys {
		printed[key] = lines[i]
	}
	if diff := cmp.Diff(want, printed); diff != "" {
		t.Errorf("values in the container (-want +got):\n%s", diff)
	}
}

// wantStopped fails the test unless the container's process never ran and
// the runtime showed one line of the hook, which has all the words.
func wantStopped(t *testing.T, got result, words ...string) {
	t.Helper()
	if got.code == 0 || got.stdout != "" {
		t.Errorf("the container started: exit %d, it printed %q", got.code, got.stdout)
	}
	if n := strings.Count(got.stderr, "oci-sysctl-hook: "); n != 1 {
		t.Errorf("the runtime showed %d lines of the hook, want 1:\n%s", n, got.stderr)
	}
	for _, word := range words {
		if !strings.Contains(got.stderr, word) {
			t.Errorf("the runtime did not show %q:\n%s", word, got.stderr)
		}
	}
}

func TestValuesBeforeFirstInstruction(t *testing.T) {
	eachRuntime(t, func(t *testing.T, r *ociRuntime) {
		host := hostUntouched(t)
		if host[keepaliveTime] == keepaliveSet[keepaliveTime] {
			unavailable(t, "the host's %s is %s already", keepaliveTime, host[keepaliveTime])
		}
		spec := printing(keepaliveKeys...)
		createRuntime(spec, hookWith(policyDir(t, keepalivePolicy)))
		wantPrinted(t, r.run(t, spec), keepaliveKeys, keepaliveSet)
	})
}

// prestart is the older stage; podman's and CRI-O's hooks.d still accept it.
func TestPrestart(t *testing.T) {
	eachRuntime(t, func(t *testing.T, r *ociRuntime) {
		hostUntouched(t)
		spec := printing(keepaliveKeys...)
		//lint:ignore SA1019 runtimes still run the older stage
		spec.Hooks = &specs.Hooks{Prestart: []specs.Hook{hookWith(policyDir(t, keepalivePolicy))}}
		wantPrinted(t, r.run(t, spec), keepaliveKeys, keepaliveSet)
	})
}

func TestHostNetworkIsLeftAlone(t *testing.T) {
	eachRuntime(t, func(t *testing.T, r *ociRuntime) {
		host := hostUntouched(t)
		spec := printing(keepaliveTime)
		shareHost(spec, specs.NetworkNamespace)
		createRuntime(spec, hookWith(policyDir(t, keepalivePolicy)))
		wantPrinted(t, r.run(t, spec), []string{keepaliveTime}, map[string]string{keepaliveTime: host[keepaliveTime]})
	})
}

func TestHostNetworkRefusesAnnotation(t *testing.T) {
	const policy = `
[[rule]]
name = "free"
[rule.sysctls]
"net.ipv4.tcp_keepalive_time" = { value = 600, override = "any" }
`
	eachRuntime(t, func(t *testing.T, r *ociRuntime) {
		hostUntouched(t)
		spec := printing(keepaliveTime)
		shareHost(spec, specs.NetworkNamespace)
		spec.Annotations = map[string]string{"oci-sysctl-hook/" + keepaliveTime: "900"}
		createRuntime(spec, hookWith(policyDir(t, policy)))
		wantStopped(t, r.run(t, spec), keepaliveTime, "900")
	})
}

func TestTwoContainersShareNamespace(t *testing.T) {
	eachRuntime(t, func(t *testing.T, r *ociRuntime) {
		hostUntouched(t)
		pod := newNetns(t)
		dir := policyDir(t, keepalivePolicy)
		for range 2 {
			spec := printing(keepaliveKeys...)
			joinNetwork(spec, pod.path())
			createRuntime(spec, hookWith(dir))
			wantPrinted(t, r.run(t, spec), keepaliveKeys, keepaliveSet)
		}
	})
}

// A refused value in the middle must not leave a part of the policy in a pod.
func TestFailedKeyRollsBack(t *testing.T) {
	const policy = `
[[rule]]
name = "broken"
[rule.sysctls]
"net.ipv4.tcp_keepalive_intvl" = 10
"net.ipv4.tcp_keepalive_probes" = 300 # the kernel takes 255 at most
"net.ipv4.tcp_keepalive_time" = 600
`
	eachRuntime(t, func(t *testing.T, r *ociRuntime) {
		hostUntouched(t)
		pod := newNetns(t)
		before := pod.get(t, keepaliveKeys...)
		spec := printing(keepaliveKeys...)
		joinNetwork(spec, pod.path())
		createRuntime(spec, hookWith(policyDir(t, policy)))
		wantStopped(t, r.run(t, spec), keepaliveProbes, "300", "10-test.toml:6")
		if diff := cmp.Diff(before, pod.get(t, keepaliveKeys...)); diff != "" {
			t.Errorf("the pod's values changed (-before +after):\n%s", diff)
		}
	})
}

func TestRefusedAskShowsReason(t *testing.T) {
	const policy = `
[[rule]]
name = "keepalive"
[rule.sysctls]
"net.ipv4.tcp_keepalive_time" = { value = 600, override = { min = 30, max = 3600 } }
`
	eachRuntime(t, func(t *testing.T, r *ociRuntime) {
		spec := printing(keepaliveTime)
		spec.Annotations = map[string]string{"oci-sysctl-hook/" + keepaliveTime: "5000"}
		createRuntime(spec, hookWith(policyDir(t, policy)))
		wantStopped(t, r.run(t, spec), keepaliveTime, "5000", "3600", "10-test.toml:5")
	})
}

func TestOptionalKey(t *testing.T) {
	const policy = `
[[rule]]
name = "some"
[rule.sysctls]
"net.ipv4.no_such_key" = { value = 1, optional = true }
"net.ipv4.tcp_keepalive_time" = 600
`
	eachRuntime(t, func(t *testing.T, r *ociRuntime) {
		spec := printing(keepaliveTime)
		createRuntime(spec, hookWith(policyDir(t, policy)))
		wantPrinted(t, r.run(t, spec), []string{keepaliveTime}, map[string]string{keepaliveTime: "600"})
	})
}

func TestMissingKeyStopsContainer(t *testing.T) {
	const policy = `
[[rule]]
name = "some"
[rule.sysctls]
"net.ipv4.no_such_key" = 1
`
	eachRuntime(t, func(t *testing.T, r *ociRuntime) {
		spec := printing(keepaliveTime)
		createRuntime(spec, hookWith(policyDir(t, policy)))
		wantStopped(t, r.run(t, spec), "net.ipv4.no_such_key", "10-test.toml:5")
	})
}

// A more exact key beats the pattern, whichever is written first.
func TestWildcardKey(t *testing.T) {
	const policy = `
[[rule]]
name = "rp_filter"
[rule.sysctls]
"net.ipv4.conf.lo.rp_filter" = 1
"net.ipv4.conf.*.rp_filter" = 2
`
	eachRuntime(t, func(t *testing.T, r *ociRuntime) {
		hostUntouched(t)
		keys := []string{rpFilterAll, rpFilterDefault, rpFilterLo}
		spec := printing(keys...)
		createRuntime(spec, hookWith(policyDir(t, policy)))
		wantPrinted(t, r.run(t, spec), keys,
			map[string]string{rpFilterAll: "2", rpFilterDefault: "2", rpFilterLo: "1"})
	})
}

func TestOtherNamespaces(t *testing.T) {
	const policy = `
[[rule]]
name = "ipc and uts"
[rule.sysctls]
"kernel.msgmax" = 16384
"fs.mqueue.queues_max" = 128
"kernel.domainname" = "example.org"
`
	eachRuntime(t, func(t *testing.T, r *ociRuntime) {
		hostUntouched(t)
		keys := []string{msgmax, queuesMax, domainname}
		spec := printing(keys...)
		createRuntime(spec, hookWith(policyDir(t, policy)))
		wantPrinted(t, r.run(t, spec), keys,
			map[string]string{msgmax: "16384", queuesMax: "128", domainname: "example.org"})
	})
}

// Each key has its own namespace: the host's IPC does not spare the network.
func TestHostIPCOnly(t *testing.T) {
	const policy = `
[[rule]]
name = "both"
[rule.sysctls]
"kernel.msgmax" = 16384
"net.ipv4.tcp_keepalive_time" = 600
`
	eachRuntime(t, func(t *testing.T, r *ociRuntime) {
		host := hostUntouched(t)
		keys := []string{msgmax, keepaliveTime}
		spec := printing(keys...)
		shareHost(spec, specs.IPCNamespace)
		createRuntime(spec, hookWith(policyDir(t, policy)))
		wantPrinted(t, r.run(t, spec), keys, map[string]string{msgmax: host[msgmax], keepaliveTime: "600"})
	})
}
