// Package sysctl names, reads and writes sysctls in the namespaces of the
// calling thread.
package sysctl

import (
	"errors"
	"fmt"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// maxKeyLen bounds a key as text. The longest path below /proc/sys/net that
// the kernel makes is far shorter; the bound keeps hostile input out of logs.
const maxKeyLen = 255

// Key is a sysctl's path below /proc/sys, such as
// "net/ipv4/tcp_keepalive_time". A component may be "*", which makes the key a
// pattern.
type Key string

// ParseKey reads a key as sysctl(8) does: the first '.' or '/' in it is the
// separator, and the other of the two stands for itself within a component, so
// "net.ipv4.conf.eth0/100.rp_filter" and "net/ipv4/conf/eth0.100/rp_filter"
// are one key.
func ParseKey(text string) (Key, error) {
	if err := checkKeyText(text); err != nil {
		return "", err
	}
	path := text
	if i := strings.IndexAny(text, "./"); i >= 0 && text[i] == '.' {
		path = swapSeparators(text)
	}
	for component := range strings.SplitSeq(path, "/") {
		if err := checkComponent(component); err != nil {
			return "", err
		}
	}
	return Key(path), nil
}

// ParseRuntimeKey reads a key of a bundle's linux.sysctl the way runc and crun
// do: they turn every '.' into '/' and open the result, so both separate and
// empty components vanish. A spelling that sysctl(8) would read differently
// thus still names the file that the runtime will write. An error means that
// it can't name one: whatever the runtime could open must be judged, so the
// characters are not restricted, and the length is the path's.
func ParseRuntimeKey(text string) (Key, error) {
	components := strings.FieldsFunc(text, func(r rune) bool { return r == '.' || r == '/' })
	path := strings.Join(components, "/")
	if path == "" {
		return "", errors.New("no component")
	}
	if err := checkLength(path); err != nil {
		return "", err
	}
	return Key(path), nil
}

func checkKeyText(text string) error {
	if text == "" {
		return errors.New("empty")
	}
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return fmt.Errorf("holds the byte %#x, not a printable ASCII character", text[i])
		}
	}
	return checkLength(text)
}

func checkLength(text string) error {
	if len(text) > maxKeyLen {
		return fmt.Errorf("longer than %d bytes", maxKeyLen)
	}
	return nil
}

func checkComponent(component string) error {
	switch {
	case component == "":
		return errors.New("an empty component")
	case component == "." || component == "..":
		return fmt.Errorf("the component %q", component)
	case component != "*" && strings.Contains(component, "*"):
		return fmt.Errorf("the component %q: '*' stands for a whole component only", component)
	}
	return nil
}

// String is the key as sysctl(8) prints it, with '.' as the separator. The
// kernel lets an interface be named by most bytes; what is not printable ASCII
// is shown as '?', since the text goes to logs and terminals.
func (k Key) String() string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '?'
		}
		return r
	}, swapSeparators(string(k)))
}

func swapSeparators(text string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '.':
			return '/'
		case '/':
			return '.'
		}
		return r
	}, text)
}

// Wildcards counts the components that are "*".
func (k Key) Wildcards() int {
	n := 0
	for component := range strings.SplitSeq(string(k), "/") {
		if component == "*" {
			n++
		}
	}
	return n
}

// IsPattern reports whether a component is "*".
func (k Key) IsPattern() bool {
	return strings.Contains(string(k), "*")
}

// Matches reports whether the pattern k covers other: they have the same
// number of components, and each is equal or "*" in k.
func (k Key) Matches(other Key) bool {
	return k.compare(other, func(pattern, name string) bool { return pattern == "*" || pattern == name })
}

// Overlaps reports whether there may be a key that both cover, each of which is
// a key or a pattern.
func (k Key) Overlaps(other Key) bool {
	return k.compare(other, func(a, b string) bool { return a == "*" || b == "*" || a == b })
}

// compare compares the components one by one, without memory for them.
func (k Key) compare(other Key, alike func(a, b string) bool) bool {
	a, b := string(k), string(other)
	for {
		first, aRest, aMore := strings.Cut(a, "/")
		second, bRest, bMore := strings.Cut(b, "/")
		if aMore != bMore || !alike(first, second) {
			return false
		}
		if !aMore {
			return true
		}
		a, b = aRest, bRest
	}
}

// ipcKeys are the keys below kernel/ that ipc/ipc_sysctl.c keeps per IPC
// namespace and that runc lets a container set.
var ipcKeys = [...]Key{
	"kernel/msgmax", "kernel/msgmnb", "kernel/msgmni", "kernel/sem",
	"kernel/shmall", "kernel/shmmax", "kernel/shmmni", "kernel/shm_rmid_forced",
}

// Namespace tells which namespace holds the key's value: network, ipc or uts.
// Any other key is the host's, or a per-user limit, and is an error that says
// why it can't be set for a container.
func (k Key) Namespace() (specs.LinuxNamespaceType, error) {
	switch {
	case k == "net/netfilter/nf_hooks_lwtunnel":
		return "", errors.New("a switch of the whole machine, though every network namespace shows it")
	case strings.HasPrefix(string(k), "net/"):
		return specs.NetworkNamespace, nil
	case strings.HasPrefix(string(k), "fs/mqueue/"):
		return specs.IPCNamespace, nil
	case k == "kernel/domainname":
		return specs.UTSNamespace, nil
	case k == "kernel/hostname":
		return "", errors.New("a container's host name is set by the runtime, from config.json's hostname")
	case strings.HasPrefix(string(k), "user/"):
		return "", errors.New("user.* limits belong to a user namespace and count for the host's users")
	}
	for _, key := range ipcKeys {
		if k == key {
			return specs.IPCNamespace, nil
		}
	}
	if k.IsPattern() {
		return "", errors.New("the pattern could reach keys that are not namespaced and would change the host")
	}
	return "", errors.New("not namespaced: it would change the host")
}
