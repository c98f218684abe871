package test

import (
	"path/filepath"
	"strings"
	"testing"
)

// The policy has its one sysctl in line 4.
var (
	podmanBounds   = rule(`"net.ipv4.tcp_keepalive_time" = { value = 600, override = { min = 30, max = 3600 } }`)
	podmanEnforced = rule(`"net.ipv4.tcp_keepalive_time" = { value = 600, override = "none" }`)
	podmanDefault  = rule(`"net.ipv4.tcp_keepalive_time" = 600`)
)

// askTime is the annotation by which a container asks for a keepalive time.
func askTime(value string) string {
	return "--annotation=oci-sysctl-hook/" + keepaliveTime + "=" + value
}

func sysctlTime(value string) string { return "--sysctl=" + keepaliveTime + "=" + value }

func TestPodmanAsks(t *testing.T) {
	for _, test := range []struct {
		name, policy string
		args         []string
		want         string
	}{
		{"default, sysctl", podmanDefault, []string{sysctlTime("5000")}, "5000"},
		{"enforced, equal sysctl", podmanEnforced, []string{sysctlTime("600")}, "600"},
		{"bounds, sysctl", podmanBounds, []string{sysctlTime("900")}, "900"},
		{"bounds, annotation", podmanBounds, []string{askTime("900")}, "900"},
		{"bounds, both", podmanBounds, []string{askTime("900"), sysctlTime("900")}, "900"},
	} {
		t.Run(test.name, func(t *testing.T) {
			eachPodman(t, func(t *testing.T, p *podman) {
				p.usePolicy(t, test.policy)
				got := p.print(t, []string{keepaliveTime}, append(test.args, "--network=none")...)
				wantPrinted(t, got, []string{keepaliveTime}, map[string]string{keepaliveTime: test.want})
			})
		})
	}
}

func TestPodmanRefused(t *testing.T) {
	for _, test := range []struct {
		name, policy string
		args         []string
		words        []string
	}{
		{"default, annotation", podmanDefault, []string{"--network=none", askTime("900")},
			[]string{keepaliveTime, "900", "annotation", "10-test.toml:4"}},
		{"enforced, sysctl", podmanEnforced, []string{"--network=none", sysctlTime("900")},
			[]string{keepaliveTime, "900", "linux.sysctl", "10-test.toml:4"}},
		{"bounds, sysctl", podmanBounds, []string{"--network=none", sysctlTime("5000")},
			[]string{keepaliveTime, "5000", "3600", "linux.sysctl", "10-test.toml:4"}},
		{"bounds, annotation", podmanBounds, []string{"--network=none", askTime("5000")},
			[]string{keepaliveTime, "5000", "3600", "annotation", "10-test.toml:4"}},
		{"host network, annotation", podmanBounds, []string{"--network=host", askTime("900")},
			[]string{keepaliveTime, "900", "host"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			eachPodman(t, func(t *testing.T, p *podman) {
				hostUntouched(t)
				p.usePolicy(t, test.policy)
				p.wantRefused(t, test.args, test.words...)
			})
		})
	}
}

// wantRefused fails the test unless the hook stops a container and the user
// gets to know why, in one line: runc passes it on to podman, which shows it.
// crun shows the exit status alone; it writes the line to the file that an
// annotation names, which is what docs/podman.md tells the user to give it.
func (p *podman) wantRefused(t *testing.T, args []string, words ...string) {
	t.Helper()
	p.wantStopped(t, 1, args, words...)
}

// wantStopped is wantRefused for any exit status of the hook.
func (p *podman) wantStopped(t *testing.T, status int, args []string, words ...string) {
	t.Helper()
	said := filepath.Join(p.dir(t), "stderr")
	if p.runtime == "crun" {
		args = append(args, "--annotation="+crunHooksStderr+"="+said)
	}
	got := p.print(t, []string{keepaliveTime}, args...)
	if p.runtime != "crun" {
		wantStopped(t, got, words...)
		return
	}
	if got.code == 0 || got.stdout != "" {
		t.Errorf("the container started: exit %d, it printed %q", got.code, got.stdout)
	}
	if want := "oci-sysctl-hook` (exit code: " + string(rune('0'+status)) + ")"; !strings.Contains(got.stderr, want) {
		t.Errorf("podman did not show %q:\n%s", want, got.stderr)
	}
	oneError(t, readAny(t, said), words...)
}
