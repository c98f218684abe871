package test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// TestRootless is podman as an ordinary user: the hook runs as root of the
// user's own user namespace, and may do there what root may.
func TestRootless(t *testing.T) {
	store := newRootlessStore(t)
	for _, runtime := range podmanRuntimes {
		t.Run(runtime, func(t *testing.T) {
			needPrograms(t, runtime)
			hostUntouched(t)
			for name, test := range rootlessTests {
				t.Run(name, func(t *testing.T) { test(t, store.podman(t, runtime)) })
			}
		})
	}
}

var rootlessTests = map[string]func(*testing.T, *podman){
	"no network":       testRootlessIn("--network=none"),
	"slirp4netns":      testRootlessSlirp,
	"host network":     testRootlessHostNetwork,
	"host annotation":  testRootlessHostAnnotation,
	"keep-id":          testRootlessIn("--network=none", "--userns=keep-id"),
	"auto":             testRootlessIn("--network=none", "--userns=auto:size=1024"),
	"nomap":            testRootlessIn("--network=none", "--userns=nomap"),
	"keep-id IPC":      testRootlessIPC("--userns=keep-id"),
	"IPC":              testRootlessIPC(),
	"pod":              testRootlessPod,
	"restart and exec": testRootlessRestart,
	"refused":          testRootlessRefused,
	"not writable":     testRootlessNotWritable,
}

// testRootlessIn applies what make install installed.
func testRootlessIn(args ...string) func(*testing.T, *podman) {
	return func(t *testing.T, p *podman) {
		p.useInstalled(t)
		wantPrinted(t, p.print(t, keepaliveKeys, args...), keepaliveKeys, keepaliveSet)
	}
}

// podman makes this namespace, the default, before the container, which joins
// it by path.
func testRootlessSlirp(t *testing.T, p *podman) {
	needPrograms(t, "slirp4netns")
	if err := p.quietly("run", "--rm", "--pull=never", "--network=slirp4netns", podmanImage, "true"); err != nil {
		unavailable(t, "slirp4netns: %v", err)
	}
	testRootlessIn("--network=slirp4netns")(t, p)
}

// config.json has no entry for the network: it is the host's. (No runtime joins
// the host's by its path without the rights to enter it; for the hook's part see
// TestHostsNamespaceWithoutPID1.)
func testRootlessHostNetwork(t *testing.T, p *podman) {
	host := hostUntouched(t)
	log := filepath.Join(p.dir(t), "log")
	p.usePolicy(t, rule(`"net.ipv4.tcp_keepalive_time" = 611`), "--log=file:"+log, "--log-format=json")
	wantPrinted(t, p.print(t, []string{keepaliveTime}, "--network=host"),
		[]string{keepaliveTime}, map[string]string{keepaliveTime: host[keepaliveTime]})
	got := records(t, log)
	if len(got) != 1 || got[0]["msg"] != "nothing to do" || !strings.Contains(fmt.Sprint(got[0]["left"]), "the host's network namespace") {
		t.Errorf("the records are %v, want one of nothing to do in the host's network", got)
	}
}

func testRootlessHostAnnotation(t *testing.T, p *podman) {
	p.usePolicy(t, podmanBounds)
	p.wantRefused(t, []string{"--network=host", askTime("900")}, keepaliveTime, "900", "host")
}

func testRootlessIPC(args ...string) func(*testing.T, *podman) {
	return func(t *testing.T, p *podman) {
		p.usePolicy(t, rule(`"kernel.msgmax" = 16384`, `"fs.mqueue.queues_max" = 128`))
		keys := []string{msgmax, queuesMax}
		wantPrinted(t, p.print(t, keys, append(args, "--network=none")...), keys,
			map[string]string{msgmax: "16384", queuesMax: "128"})
	}
}

func testRootlessPod(t *testing.T, p *podman) {
	p.usePolicy(t, podmanBounds)
	pod := p.pod(t, "--network=none")
	asked := map[string]string{keepaliveTime: "900"}
	first := p.start(t, "--pod="+pod, askTime("900"))
	p.wantValues(t, first, asked)
	wantPrinted(t, p.print(t, []string{keepaliveTime}, "--pod="+pod), []string{keepaliveTime}, asked)
	p.wantRefused(t, []string{"--pod=" + pod, askTime("5000")}, keepaliveTime, "5000", "10-test.toml:4")
	p.wantValues(t, first, asked)
}

func testRootlessRestart(t *testing.T, p *podman) {
	p.useInstalled(t)
	container := p.start(t, "--network=none")
	p.do(t, "restart", "--time=0", container)
	p.wantValues(t, container, keepaliveSet)
}

func testRootlessRefused(t *testing.T, p *podman) {
	p.usePolicy(t, podmanBounds)
	p.wantRefused(t, []string{"--network=none", askTime("5000")}, keepaliveTime, "5000", "3600", "10-test.toml:4")
}

// The domain name is for the machine's root alone to write; see proc(5) and
// the mode of the file. The key before it is put back, the container stays away.
func testRootlessNotWritable(t *testing.T, p *podman) {
	p.usePolicy(t, rule(`"net.ipv4.tcp_keepalive_time" = 611`, `"kernel.domainname" = "example.org"`))
	p.wantStopped(t, 4, []string{"--network=none"}, domainname, "example.org", "permission denied", "10-test.toml:5")
}
