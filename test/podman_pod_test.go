package test

import (
	"path/filepath"
	"strings"
	"testing"
)

// The containers of a pod share its network: the first brings the policy to it,
// and the second finds it and changes nothing.
func TestPodmanPod(t *testing.T) {
	eachPodman(t, func(t *testing.T, p *podman) {
		hostUntouched(t)
		log := filepath.Join(p.dir(t), "log")
		p.useInstalled(t, "--log=file:"+log, "--log-format=json")
		pod := p.pod(t, "--network=none")
		first := p.start(t, "--pod="+pod)
		p.wantValues(t, first, keepaliveSet)
		wantPrinted(t, p.print(t, keepaliveKeys, "--pod="+pod), keepaliveKeys, keepaliveSet)
		p.wantValues(t, first, keepaliveSet)

		// The pod's infra container, which has no application, comes first of all.
		var messages []any
		for _, record := range records(t, log) {
			messages = append(messages, record["msg"])
		}
		if len(messages) != 3 || messages[0] != "sysctls applied" ||
			messages[1] != "nothing to do" || messages[2] != "nothing to do" {
			t.Errorf("the records are %q, want the sysctls applied once and then nothing to do twice", messages)
		}
	})
}

// What the first container asked for, the second leaves alone.
func TestPodmanPodKeepsAsk(t *testing.T) {
	eachPodman(t, func(t *testing.T, p *podman) {
		p.usePolicy(t, podmanBounds)
		pod := p.pod(t, "--network=none")
		asked := map[string]string{keepaliveTime: "900"}
		first := p.start(t, "--pod="+pod, askTime("900"))
		p.wantValues(t, first, asked)
		wantPrinted(t, p.print(t, []string{keepaliveTime}, "--pod="+pod), []string{keepaliveTime}, asked)
		p.wantValues(t, first, asked)
	})
}

// The infra container has none of the others' annotations, so the general rule
// is there first. What a rule by annotation enforces replaces it.
func TestPodmanPodRuleByAnnotation(t *testing.T) {
	const policy = `
[[rule]]
name = "all"
[rule.sysctls]
"net.ipv4.tcp_keepalive_time" = 600

[[rule]]
name = "gold"
when = { annotations = { "^tier$" = "^gold$" } }
[rule.sysctls]
"net.ipv4.tcp_keepalive_time" = { value = 120, override = "none" }
`
	eachPodman(t, func(t *testing.T, p *podman) {
		p.usePolicy(t, policy)
		pod := p.pod(t, "--network=none")
		first := p.start(t, "--pod="+pod)
		p.wantValues(t, first, map[string]string{keepaliveTime: "600"})
		gold := p.start(t, "--pod="+pod, "--annotation=tier=gold")
		p.wantValues(t, gold, map[string]string{keepaliveTime: "120"})
	})
}

// A container that never starts leaves no trace in the pod.
func TestPodmanPodSurvivesFailures(t *testing.T) {
	const policy = `
[[rule]]
name = "all"
[rule.sysctls]
"net.ipv4.tcp_keepalive_time" = { value = 600, override = { min = 30, max = 3600 } }

[[rule]]
name = "broken"
when = { annotations = { "^broken$" = "" } }
[rule.sysctls]
"net.ipv4.tcp_keepalive_intvl" = { value = 20, override = "none" }
"net.ipv4.tcp_keepalive_probes" = { value = 300, override = "none" } # the kernel takes 127 at most
`
	eachPodman(t, func(t *testing.T, p *podman) {
		p.usePolicy(t, policy)
		pod := p.pod(t, "--network=none")
		first := p.start(t, "--pod="+pod)
		want := map[string]string{keepaliveTime: "600", keepaliveIntvl: "75", keepaliveProbes: "9"}
		p.wantValues(t, first, want)
		p.wantRefused(t, []string{"--pod=" + pod, askTime("5000")}, keepaliveTime, "5000", "10-test.toml:5")
		p.wantValues(t, first, want)
		p.wantStopped(t, 4, []string{"--pod=" + pod, "--annotation=broken=yes"}, keepaliveProbes, "300", "10-test.toml:12")
		p.wantValues(t, first, want)
	})
}

// A pod's sysctl is its author's ask, for all of its containers.
func TestPodmanPodSysctl(t *testing.T) {
	eachPodman(t, func(t *testing.T, p *podman) {
		p.useInstalled(t)
		pod := p.pod(t, "--network=none", sysctlTime("900"))
		want := map[string]string{keepaliveTime: "900", keepaliveIntvl: "10", keepaliveProbes: "6"}
		for range 2 {
			wantPrinted(t, p.print(t, keepaliveKeys, "--pod="+pod), keepaliveKeys, want)
		}
	})
}

// Nor can a pod have what the policy does not let its containers have.
func TestPodmanPodSysctlRefused(t *testing.T) {
	eachPodman(t, func(t *testing.T, p *podman) {
		// The pod's infra container is the one that is refused. crun shows nobody why.
		log := filepath.Join(p.dir(t), "log")
		p.usePolicy(t, podmanEnforced, "--log=file:"+log, "--log-format=json")
		pod := p.pod(t, "--network=none", sysctlTime("900"))
		got := p.print(t, []string{keepaliveTime}, "--pod="+pod)
		if got.code == 0 || got.stdout != "" {
			t.Errorf("the pod started: exit %d, it printed %q", got.code, got.stdout)
		}
		all := records(t, log)
		if len(all) != 1 || all[0]["msg"] != "refused" {
			t.Fatalf("the records are %v, want one of a refusal", all)
		}
		reason, _ := all[0]["error"].(string)
		for _, word := range []string{keepaliveTime, "900", "600", "linux.sysctl", "10-test.toml:4"} {
			if !strings.Contains(reason, word) {
				t.Errorf("no %q in the reason: %s", word, reason)
			}
		}
	})
}

// A pod from a Kubernetes file asks by annotations, as it would under CRI-O.
func TestPodmanKubePlay(t *testing.T) {
	const pod = `apiVersion: v1
kind: Pod
metadata:
  name: NAME
  annotations:
    oci-sysctl-hook/net.ipv4.tcp_keepalive_time: "900"
spec:
  containers:
  - name: app
    image: ` + podmanImage + `:latest
    imagePullPolicy: Never
    command: ["/bin/busybox", "sleep", "300"]
`
	eachPodman(t, func(t *testing.T, p *podman) {
		hostUntouched(t)
		p.usePolicy(t, podmanBounds)
		name := newID()
		file := filepath.Join(p.dir(t), "pod.yaml")
		writeFile(t, file, strings.Replace(pod, "NAME", name, 1))
		p.removeLater(t, "pod", "rm", name)
		p.do(t, "kube", "play", "--network=none", file)
		p.wantValues(t, name+"-app", map[string]string{keepaliveTime: "900"})
	})
}

// podman writes none of the names that other engines do, not for a pod from a
// Kubernetes file either: only "*" matches there, which is also the empty name.
// It passes on what a user writes instead.
func TestPodmanNames(t *testing.T) {
	const policy = `
[[rule]]
name = "any name"
when = { pod_namespaces = ["*"], containers = ["*"] }
[rule.sysctls]
"net.ipv4.tcp_keepalive_time" = 600

[[rule]]
name = "by namespace"
when = { pod_namespaces = ["?*"] }
[rule.sysctls]
"net.ipv4.tcp_keepalive_intvl" = 20

[[rule]]
name = "by container"
when = { containers = ["?*"] }
[rule.sysctls]
"net.ipv4.tcp_keepalive_probes" = 4
`
	const pod = `apiVersion: v1
kind: Pod
metadata:
  name: NAME
  namespace: shop
spec:
  containers:
  - name: app
    image: ` + podmanImage + `:latest
    imagePullPolicy: Never
    command: ["/bin/busybox", "sleep", "300"]
`
	eachPodman(t, func(t *testing.T, p *podman) {
		p.usePolicy(t, policy)
		unnamed := map[string]string{keepaliveTime: "600", keepaliveIntvl: "75", keepaliveProbes: "9"}
		p.wantValues(t, p.start(t, "--network=none"), unnamed)

		name := newID()
		file := filepath.Join(p.dir(t), "pod.yaml")
		writeFile(t, file, strings.Replace(pod, "NAME", name, 1))
		p.removeLater(t, "pod", "rm", name)
		p.do(t, "kube", "play", "--network=none", file)
		p.wantValues(t, name+"-app", unnamed)

		named := p.start(t, "--network=none", "--annotation=io.kubernetes.pod.namespace=shop", "--annotation=io.kubernetes.container.name=app")
		p.wantValues(t, named, map[string]string{keepaliveTime: "600", keepaliveIntvl: "20", keepaliveProbes: "4"})
	})
}
