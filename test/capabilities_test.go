package test

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

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

// without is the hook, run without some capabilities.
func without(t *testing.T, hook specs.Hook, capabilities ...string) specs.Hook {
	t.Helper()
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		unavailable(t, "%v", err)
	}
	drop := "-" + strings.Join(capabilities, ",-")
	hook.Args = append([]string{"setpriv", "--bounding-set", drop, hook.Path}, hook.Args[1:]...)
	hook.Path = setpriv
	return hook
}

// Each capability is taken from the hook in turn: it fails without those that
// it needs and works without any other, and without all of the others.
func TestCapabilities(t *testing.T) {
	needRoot(t)
	held := heldCapabilities(t)
	var needless []string
	for _, name := range held {
		if !neededCapabilities[name] {
			needless = append(needless, name)
		}
	}
	if len(needless)+len(neededCapabilities) != len(held) {
		unavailable(t, "this machine gives root only %v", held)
	}
	r := ociRuntimes[0]
	r.need(t)
	start := func(t *testing.T, dropped ...string) result {
		spec := printing(keepaliveKeys...)
		createRuntime(spec, without(t, hookWith(policyDir(t, keepalivePolicy)), dropped...))
		return r.run(t, spec)
	}
	for _, name := range held {
		t.Run("without "+name, func(t *testing.T) {
			got := start(t, name)
			if neededCapabilities[name] {
				wantStopped(t, got, "namespace")
				return
			}
			wantPrinted(t, got, keepaliveKeys, keepaliveSet)
		})
	}
	t.Run("with nothing but what it needs", func(t *testing.T) {
		wantPrinted(t, start(t, needless...), keepaliveKeys, keepaliveSet)
	})
}

// The list above is the man page's and SECURITY.md's.
func TestCapabilitiesAreDocumented(t *testing.T) {
	security, err := os.ReadFile("../SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	for name := range neededCapabilities {
		if want := "CAP_" + strings.ToUpper(name); !strings.Contains(string(security), want) {
			t.Errorf("SECURITY.md does not name %s", want)
		}
	}
}
