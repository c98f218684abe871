package sysctl

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runc/libcontainer/configs/validate"
	"github.com/opencontainers/runtime-spec/specs-go"
	"pgregory.net/rapid"
)

// runcTypes are runc's words for the namespaces that hold sysctls.
var runcTypes = map[specs.LinuxNamespaceType]configs.NamespaceType{
	specs.NetworkNamespace: configs.NEWNET,
	specs.IPCNamespace:     configs.NEWIPC,
	specs.UTSNamespace:     configs.NEWUTS,
}

// runcTakes reports whether runc lets a container with new namespaces of the
// types set the sysctl.
func runcTakes(text string, types ...specs.LinuxNamespaceType) bool {
	config := &configs.Config{Rootfs: "/", Sysctl: map[string]string{text: "1"}}
	for _, t := range types {
		config.Namespaces.Add(runcTypes[t], "")
	}
	return validate.Validate(config) == nil
}

// runcNamespace is the one namespace that runc wants for the sysctl; empty if
// all three are not enough.
func runcNamespace(t interface{ Errorf(string, ...any) }, text string) specs.LinuxNamespaceType {
	all := slices.Sorted(maps.Keys(runcTypes))
	var found specs.LinuxNamespaceType
	for _, typ := range all {
		others := slices.DeleteFunc(slices.Clone(all), func(other specs.LinuxNamespaceType) bool { return other == typ })
		enough, needed := runcTakes(text, typ), runcTakes(text, all...) && !runcTakes(text, others...)
		if enough != needed {
			t.Errorf("%q: that the %s namespace is enough for runc is %t, that it is needed %t", text, typ, enough, needed)
		}
		if enough {
			found = typ
		}
	}
	return found
}

// malformed reports whether a text names no file below /proc/sys, or not what
// it seems to. runc looks at how it begins and lets the kernel find that out;
// here nothing may be left to find out.
func malformed(text string) bool {
	path := text
	if i := strings.IndexAny(text, "./"); i >= 0 && text[i] == '.' {
		path = strings.NewReplacer(".", "/", "/", ".").Replace(text)
	}
	odd := func(component string) bool {
		return component == "" || component == "." || component == ".." ||
			component != "*" && strings.Contains(component, "*") ||
			strings.ContainsFunc(component, func(r rune) bool { return r <= ' ' || r > '~' })
	}
	return len(text) > 255 || slices.ContainsFunc(strings.Split(path, "/"), odd)
}

// agree compares the project with runc's own validator. Three differences are
// deliberate: malformed texts, a switch of the whole machine below net, and user.*
// even in a container with a user namespace of its own, for which runc is not
// asked here since it refuses user.* in every other.
func agree(t interface{ Errorf(string, ...any) }, text string) {
	theirs := runcNamespace(t, text)
	key, err := ParseKey(text)
	if err != nil {
		if !malformed(text) {
			t.Errorf("%q is well formed, but: %v", text, err)
		}
		return
	}
	if malformed(text) {
		t.Errorf("%q is malformed, but read as %q", text, key)
	}
	ours, err := key.Namespace()
	if key == machineSwitch && err != nil {
		return
	}
	if ours != theirs {
		t.Errorf("%q: namespace %q (%v), runc's %q", text, ours, err, theirs)
	}
}

// machineSwitch is below net, and of no network namespace.
const machineSwitch Key = "net/netfilter/nf_hooks_lwtunnel"

// kernelKeys are all sysctls that this kernel shows, as paths.
func kernelKeys(t *testing.T) []string {
	t.Helper()
	var keys []string
	err := filepath.WalkDir("/proc/sys", func(path string, entry fs.DirEntry, err error) error {
		if err != nil && !os.IsPermission(err) && !os.IsNotExist(err) {
			return err
		}
		if entry.Type().IsRegular() {
			keys = append(keys, strings.TrimPrefix(path, "/proc/sys/"))
		}
		return nil
	})
	if err != nil || len(keys) == 0 {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	return keys
}

func TestOracleKernelKeys(t *testing.T) {
	for _, key := range kernelKeys(t) {
		agree(t, key)
		agree(t, Key(key).String())
	}
}

// Of the keys below kernel/ runc takes those of ipcKeys in an IPC namespace.
func TestOracleIPCKeys(t *testing.T) {
	candidates := slices.Clone(ipcKeys[:])
	for _, key := range kernelKeys(t) {
		candidates = append(candidates, Key(key))
	}
	var theirs []Key
	for _, key := range candidates {
		if strings.HasPrefix(string(key), "kernel/") && runcTakes(key.String(), specs.IPCNamespace) {
			theirs = append(theirs, key)
		}
	}
	slices.Sort(theirs)
	ours := slices.Sorted(slices.Values(ipcKeys[:]))
	if diff := cmp.Diff(slices.Compact(theirs), ours); diff != "" {
		t.Errorf("-runc +ours:\n%s", diff)
	}
}

// A user namespace of the container's own makes user.* namespaced for runc. The
// project has no rule for it: the limits count for the user who made the
// namespace, and Key.Namespace says so.
func TestOracleUserKeys(t *testing.T) {
	config := &configs.Config{
		Rootfs:      "/",
		Sysctl:      map[string]string{"user.max_net_namespaces": "1"},
		UIDMappings: []configs.IDMap{{HostID: 1, Size: 1}},
		GIDMappings: []configs.IDMap{{HostID: 1, Size: 1}},
	}
	config.Namespaces.Add(configs.NEWUSER, "")
	if err := validate.Validate(config); err != nil {
		t.Errorf("runc: %v", err)
	}
	if _, err := Key("user/max_net_namespaces").Namespace(); err == nil {
		t.Error("accepted")
	}
}

func TestOracleGeneratedKeys(t *testing.T) {
	keys := kernelKeys(t)
	prefix := rapid.SampledFrom([]string{
		"net", "net.ipv4", "kernel", "kernel.msg", "kernel.shm", "fs.mqueue", "fs", "user", "vm", "debug", "dev", "abi", "*",
	})
	real := rapid.SampledFrom(keys)
	junk := rapid.StringOfN(rapid.SampledFrom([]rune("./*-_ aegnstk0é\n\x00")), 0, 6, -1)
	mutated := rapid.Custom(func(t *rapid.T) string {
		text := real.Draw(t, "key")
		at := rapid.IntRange(0, len(text)).Draw(t, "at")
		cut := rapid.IntRange(0, min(2, len(text)-at)).Draw(t, "cut")
		return text[:at] + junk.Draw(t, "junk") + text[at+cut:]
	})
	joined := rapid.Custom(func(t *rapid.T) string {
		parts := rapid.SliceOfN(rapid.StringMatching(`[a-z*_0-9./]{0,9}`), 0, 4).Draw(t, "parts")
		return strings.Join(append([]string{prefix.Draw(t, "prefix")}, parts...), ".")
	})
	swapped := rapid.Custom(func(t *rapid.T) string {
		return swapSeparators(rapid.OneOf(mutated, joined).Draw(t, "text"))
	})
	rapid.Check(t, func(t *rapid.T) {
		agree(t, rapid.OneOf(real, mutated, joined, swapped, rapid.String()).Draw(t, "text"))
	})
}
