package test

import (
	"os/exec"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// hasSeccomp tells whether the runtime was built with it: bin/runc is not.
func (r *ociRuntime) hasSeccomp(t *testing.T) bool {
	t.Helper()
	path, err := r.find()
	if err != nil {
		t.Fatal(err)
	}
	got, err := finish(exec.Command(path, "--version"))
	if err != nil || got.code != 0 {
		t.Fatalf("%s --version: %v, exit %d: %s", path, err, got.code, got.stderr)
	}
	return strings.Contains(strings.ToLower(got.stdout), "seccomp")
}

// A container's seccomp profile is not the hook's: one that forbids what the
// hook needs does not keep it from its work.
func TestSeccompSparesHook(t *testing.T) {
	tried := 0
	for _, r := range ociRuntimes {
		r.need(t)
		if !r.hasSeccomp(t) {
			continue
		}
		tried++
		t.Run(r.name, func(t *testing.T) {
			hostUntouched(t)
			spec := newSpec("sh", "-c", "cat /proc/sys/net/ipv4/tcp_keepalive_time; mkdir /dev/forbidden || echo forbidden")
			spec.Linux.Seccomp = &specs.LinuxSeccomp{
				DefaultAction: specs.ActAllow,
				Syscalls: []specs.LinuxSyscall{{
					Names:  []string{"openat2", "setns", "unshare", "mkdir", "mkdirat"},
					Action: specs.ActErrno,
				}},
			}
			createRuntime(spec, hookWith(policyDir(t, keepalivePolicy)))
			got := r.run(t, spec)
			if got.code != 0 || got.stdout != "600\nforbidden\n" {
				t.Errorf("exit %d, it prints %q, want 600 and forbidden: %s", got.code, got.stdout, got.stderr)
			}
		})
	}
	if tried == 0 {
		unavailable(t, "no runtime here was built with seccomp")
	}
}
