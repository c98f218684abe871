package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// auditService returns what the example of a service has for a key.
func auditService(t *testing.T, key string) string {
	t.Helper()
	unit, err := os.ReadFile("../packaging/systemd/oci-sysctl-audit.service")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(unit), "\\\n", " ") // continued lines
	found := regexp.MustCompile("(?m)^" + key + "=(.*)$").FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("the service has no %s", key)
	}
	return found[1]
}

// auditServiceScript returns the shell script that the service runs.
func auditServiceScript(t *testing.T) string {
	t.Helper()
	line := auditService(t, "ExecStart")
	script, ok := strings.CutPrefix(line, "/bin/sh -c '")
	if !ok || strings.Count(script, "'") != 1 || !strings.HasSuffix(script, "'") {
		t.Fatalf("ExecStart is no script: %s", line)
	}
	return strings.TrimSuffix(script, "'")
}

// nodeWithDrift is the root of containers whose sysctls are not as the policy
// says, and the directory of a program that audits just these.
func nodeWithDrift(t *testing.T, containers int) (bin string) {
	t.Helper()
	path, err := buildPolicy()
	if err != nil {
		t.Fatal(err)
	}
	root, bundle := t.TempDir(), t.TempDir()
	if err := writeBundle(bundle, newSpec("true")); err != nil {
		t.Fatal(err)
	}
	for n := range containers {
		addRuncState(t, root, fmt.Sprintf("c%02d", n), startProcess(t, syscall.CLONE_NEWNET), bundle)
	}
	bin = t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\nexec %s \"$@\" --policy-dir %s --state-root %s\n", path, policyDir(t, keepalivePolicy), root)
	if err := os.WriteFile(filepath.Join(bin, "oci-sysctl-policy"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return bin
}

// The service's file is whole or the old one, also where the disk is full.
func TestAuditServiceOnFullDisk(t *testing.T) {
	needRoot(t)
	needPrograms(t, "unshare")
	bin := nodeWithDrift(t, 20) // more than a page of metrics
	for name, test := range map[string]struct {
		size string
		code int
		want string // in the file
	}{
		"space":   {"1m", 1, "oci_sysctl_audit_sysctls{status=\"drift\"} 60\n"},
		"a page":  {"8k", 4, "old\n"},
		"no page": {"4k", 4, "old\n"},
	} {
		t.Run(name, func(t *testing.T) {
			const around = `mount -t tmpfs -o size=$1 tmpfs "$2" && cd "$2" && echo old >m.prom && { METRICS=m.prom sh -c "$0"; status=$?; cat m.prom; ls >&2; exit $status; }`
			cmd := exec.Command("unshare", "-m", "sh", "-c", around, auditServiceScript(t), test.size, t.TempDir())
			cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
			got, err := finish(cmd)
			if err != nil {
				t.Fatal(err)
			}
			if got.code != test.code || !strings.Contains(got.stdout, test.want) || (test.want == "old\n" && got.stdout != test.want) {
				t.Errorf("exit %d, want %d, and %q in the file: %s%s", got.code, test.code, test.want, got.stdout, got.stderr)
			}
			if !strings.HasSuffix(got.stderr, "m.prom\n") || strings.Contains(got.stderr, "m.prom.new\n") {
				t.Errorf("files left: %s", got.stderr)
			}
		})
	}
}

// An audit that can't be made at all leaves the old file.
func TestAuditServiceWithoutAudit(t *testing.T) {
	bin, metrics := t.TempDir(), filepath.Join(t.TempDir(), "m.prom")
	for name, script := range map[string]string{
		"no output":               "exit 3",
		"nothing but a beginning": `echo "# HELP x"`,
		"half a last line":        "printf 'oci_sysctl_audit_duration_seconds 0.'",
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(bin, "oci-sysctl-policy"), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			writeFile(t, metrics, "old\n")
			cmd := exec.Command("sh", "-c", auditServiceScript(t))
			cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "METRICS="+metrics)
			if _, err := finish(cmd); err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(metrics); err != nil || string(got) != "old\n" {
				t.Errorf("%v: %s", err, got)
			}
		})
	}
}

// The capabilities that the service has suffice for all that root can see: the
// processes of other users, states that only they may read, values to be judged
// beside those of a new namespace, and namespaces below another user namespace.
func TestAuditWithServiceCapabilities(t *testing.T) {
	needRoot(t)
	needPrograms(t, "setpriv")
	path, err := buildPolicy()
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	joined := auditedUser(t, root, "joined", syscall.CLONE_NEWNET, true)
	netnsOf(t, joined).set(t, keepaliveTime, "601")
	auditedUser(t, root, "new", syscall.CLONE_NEWNET, false)
	auditedUser(t, root, "userns", syscall.CLONE_NEWUSER|syscall.CLONE_NEWNET, false)
	if err := os.Chmod(root, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(root, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	args := []string{"audit", "-o", "json", "--policy-dir", policyDir(t, keepalivePolicy), "--state-root", root}
	capabilities := strings.ToLower(strings.ReplaceAll(auditService(t, "CapabilityBoundingSet"), "CAP_", "+"))
	set := "-all," + strings.Join(strings.Fields(capabilities), ",")
	got, err := finish(exec.Command("setpriv", append([]string{"--no-new-privs", "--inh-caps=-all", "--bounding-set=" + set, path}, args...)...))
	if err != nil {
		t.Fatal(err)
	}
	a := decodeAudit(t, got)
	for id, want := range map[string]map[string]string{
		"joined": {keepaliveTime: "ok", keepaliveIntvl: "drift", keepaliveProbes: "drift"},
		"new":    {keepaliveTime: "drift", keepaliveIntvl: "drift", keepaliveProbes: "drift"},
		"userns": {keepaliveTime: "drift", keepaliveIntvl: "drift", keepaliveProbes: "drift"},
	} {
		if diff := cmp.Diff(want, a.stands(id)); diff != "" || got.code != 1 {
			t.Errorf("%s, exit %d (-want +got):\n%s%s", id, got.code, diff, got.stderr)
		}
	}
	for _, c := range a.Containers {
		if c.Error != "" {
			t.Errorf("%s: %s", c.ID, c.Error)
		}
	}
}

const nobody = 65534

// auditedUser starts a process of another user, as a container with a state and
// a bundle that only this user may read.
func auditedUser(t *testing.T, root, id string, namespaces uintptr, join bool) (pid int) {
	t.Helper()
	cmd := exec.Command("sleep", "300")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces}
	if namespaces&syscall.CLONE_NEWUSER != 0 {
		ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: nobody, Size: 1}}
		cmd.SysProcAttr.UidMappings, cmd.SysProcAttr.GidMappings = ids, ids
	} else {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	pid = cmd.Process.Pid
	spec := newSpec("true")
	if join {
		joinNetwork(spec, fmt.Sprintf("/proc/%d/ns/net", pid))
	}
	bundle := t.TempDir()
	if err := writeBundle(bundle, spec); err != nil {
		t.Fatal(err)
	}
	addRuncState(t, root, id, pid, bundle)
	for path, mode := range map[string]os.FileMode{
		filepath.Join(bundle, "config.json"): 0o600, bundle: 0o700, filepath.Join(root, id): 0o700,
	} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(path, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	return pid
}
