package test

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// neededCapabilities are what the hook can't do without, as SECURITY.md lists
// them: sys_admin to enter the namespaces; sys_ptrace to look at a process that
// runc has made undumpable and that may have more rights than the hook.
var neededCapabilities = map[string]bool{"sys_admin": true, "sys_ptrace": true}

// capability names in the order of their numbers, from linux/capability.h.
var capabilityNames = strings.Fields(`chown dac_override dac_read_search fowner fsetid kill setgid setuid
	setpcap linux_immutable net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module
	sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time
	sys_tty_config mknod lease audit_write audit_control setfcap mac_override mac_admin syslog wake_alarm
	block_suspend audit_read perfmon bpf checkpoint_restore`)

// heldCapabilities are those that this test has to give or to take away.
func heldCapabilities(t *testing.T) []string {
	t.Helper()
	status := readAny(t, "/proc/self/status")
	_, rest, _ := strings.Cut(status, "CapBnd:\t")
	mask, err := strconv.ParseUint(strings.TrimSpace(strings.SplitN(rest, "\n", 2)[0]), 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	var held []string
	for n, name := range capabilityNames {
		if mask&(1<<n) != 0 {
			held = append(held, name)
		}
	}
	return held
}

// withoutCapabilities is the command that takes capabilities from what it runs.
func withoutCapabilities(t *testing.T, capabilities ...string) []string {
	t.Helper()
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		unavailable(t, "%v", err)
	}
	return []string{setpriv, "--bounding-set", "-" + strings.Join(capabilities, ",-")}
}

// without is the hook, run without some capabilities.
func without(t *testing.T, hook specs.Hook, capabilities ...string) specs.Hook {
	t.Helper()
	command := append(withoutCapabilities(t, capabilities...), hook.Path)
	hook.Path, hook.Args = command[0], append(command, hook.Args[1:]...)
	return hook
}

// needlessCapabilities are those that a machine gives root and the hook does
// without, but for some.
func needlessCapabilities(t *testing.T, held []string, but ...string) (needless []string) {
	t.Helper()
	found := 0
	for _, name := range held {
		if neededCapabilities[name] {
			found++
		} else if !slices.Contains(but, name) {
			needless = append(needless, name)
		}
	}
	if found != len(neededCapabilities) {
		unavailable(t, "this machine gives root only %v", held)
	}
	return needless
}

// capabilityCases are containers that the hook works for. In a joined namespace
// with a value it makes a new one, to compare.
var capabilityCases = map[string]struct {
	spec func(*testing.T) *specs.Spec
	want map[string]string
}{
	"new": {func(*testing.T) *specs.Spec { return printing(keepaliveKeys...) }, keepaliveSet},
	"joined with a value": {func(t *testing.T) *specs.Spec {
		pod := newNetns(t)
		pod.set(t, keepaliveTime, "1200")
		spec := printing(keepaliveKeys...)
		joinNetwork(spec, pod.path())
		return spec
	}, values("1200", "10", "6")},
}

// Each capability is taken from the hook in turn: it fails without those that
// it needs and works without any other, and without all of the others. What all
// the others' absence shows is tried one by one in one case only.
func TestCapabilities(t *testing.T) {
	held := heldCapabilities(t)
	needless := needlessCapabilities(t, held)
	for name, c := range capabilityCases {
		t.Run(name, func(t *testing.T) {
			eachRuntime(t, func(t *testing.T, r *ociRuntime) {
				start := func(t *testing.T, dropped ...string) result {
					spec := c.spec(t)
					createRuntime(spec, without(t, hookWith(policyDir(t, keepalivePolicy)), dropped...))
					return r.run(t, spec)
				}
				for _, dropped := range held {
					if !neededCapabilities[dropped] && (name != "new" || r != ociRuntimes[0]) {
						continue
					}
					t.Run("without "+dropped, func(t *testing.T) {
						got := start(t, dropped)
						if neededCapabilities[dropped] {
							wantStopped(t, got, "namespace")
							return
						}
						wantPrinted(t, got, keepaliveKeys, c.want)
					})
				}
				t.Run("with nothing but what it needs", func(t *testing.T) {
					wantPrinted(t, start(t, needless...), keepaliveKeys, c.want)
				})
			})
		})
	}
}

// CAP_SETUID is needed besides for the IPC sysctls of a container with users of
// its own, and nothing more.
func TestCapabilitiesForOwnUsers(t *testing.T) {
	c := faultCases["users of its own"]
	for name, test := range map[string]struct {
		dropped []string
		code    int
	}{
		"without setuid":             {[]string{"setuid"}, 4},
		"with nothing but its needs": {needlessCapabilities(t, heldCapabilities(t), "setuid"), 0},
	} {
		t.Run(name, func(t *testing.T) {
			g := c.target(t)
			want := c.want
			if test.code != 0 {
				want = c.read(t, g)
			}
			g.wrap = withoutCapabilities(t, test.dropped...)
			got := g.run(t, g.stdin(t))
			if test.code != 0 {
				oneError(t, got.stderr, msgmax, "permission denied", "the rights to it")
			} else if got.stderr != "" {
				t.Errorf("the hook says: %s", got.stderr)
			}
			if diff := cmp.Diff(want, c.read(t, g)); diff != "" || got.code != test.code {
				t.Errorf("exit %d, want %d (-want +got):\n%s", got.code, test.code, diff)
			}
		})
	}
}

// The documents name these capabilities, and no other.
func TestCapabilitiesAreDocumented(t *testing.T) {
	want := []string{"CAP_SETUID"}
	for name := range neededCapabilities {
		want = append(want, "CAP_"+strings.ToUpper(name))
	}
	slices.Sort(want)
	for _, path := range []string{"../SECURITY.md", "../docs/man/oci-sysctl-hook.8.md"} {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		named := regexp.MustCompile(`CAP_[A-Z_]+`).FindAllString(string(content), -1)
		slices.Sort(named)
		if diff := cmp.Diff(want, slices.Compact(named)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}
