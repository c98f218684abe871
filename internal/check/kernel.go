package check

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/policy"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/procfs"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/sysctl"
)

// Proof is what was tried on this kernel.
type Proof struct {
	Kernel   string
	Values   int // how many were written
	Patterns int // how many expressions allow values that nobody can enumerate
	Pairs    int // of rules that were not tried together, since there are too many
}

// Kernel proves the policy on this kernel, in new namespaces: every value, both
// ends of every bound, every choice; and what rules set together. An error
// means that it could not, or not wholly: then there is no proof, but there may
// be findings.
func Kernel(p *policy.Policy, proc *procfs.Root) ([]Finding, *Proof, error) {
	k := &prover{proc: proc, proof: Proof{Kernel: release()}, alone: map[*policy.Setting]bool{}}
	for _, rule := range p.Rules {
		for _, s := range rule.Settings {
			if err := k.setting(s); err != nil {
				return k.findings, nil, err
			}
		}
	}
	if err := k.together(p); err != nil {
		return k.findings, nil, err
	}
	return k.findings, &k.proof, nil
}

// prover collects the findings.
type prover struct {
	proc     *procfs.Root
	proof    Proof
	findings []Finding
	alone    map[*policy.Setting]bool // those whose value the kernel takes by itself
}

func release() string {
	var name unix.Utsname
	if unix.Uname(&name) != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(name.Sysname[:]) + " " + unix.ByteSliceToString(name.Release[:])
}

func (k *prover) find(finding Finding) {
	k.findings = append(k.findings, finding)
}

// setting tries a setting by itself.
func (k *prover) setting(s *policy.Setting) error {
	keys, fields, err := k.keys(s)
	if err != nil || len(keys) == 0 {
		return err
	}
	works := true
	for _, c := range candidates(s, fields) {
		k.proof.Values++
		err := k.try(keys, c.value)
		var failed *sysctl.WriteError
		switch {
		case errors.As(err, &failed):
			k.find(about(s, Problem, "%s %q: %s%v%s", c.what, c.value, elsewhere(s, failed.Key), failed.Err, hint(failed)))
			works = works && c.what != theValue
		case err != nil:
			return err
		}
	}
	if s.Override.Kind == policy.OverridePattern {
		k.proof.Patterns++
		k.find(about(s, Note, "which values the pattern lets in can't be proven"))
	}
	k.alone[s] = works && s.HasValue && (s.Key.IsPattern() || keys[0] == s.Key)
	return nil
}

// hint explains what the kernel's error does not: outside the host's namespace
// a container may have only the algorithms that are there for everybody
// (tcp_set_default_congestion_control).
func hint(failed *sysctl.WriteError) string {
	if failed.Key == "net/ipv4/tcp_congestion_control" && errors.Is(failed.Err, unix.EPERM) {
		return "; the host's net.ipv4.tcp_allowed_congestion_control must list it"
	}
	return ""
}

// elsewhere names the key that a pattern covers, or that stands for one.
func elsewhere(s *policy.Setting, key sysctl.Key) string {
	if key == s.Key {
		return ""
	}
	return key.String() + ": "
}

// keys returns the keys of a new namespace to try a setting on, and the number
// of fields that a value has. There are none if the namespace lacks the key or
// does not let it be read: the hook reads before it writes.
func (k *prover) keys(s *policy.Setting) (keys []sysctl.Key, fields int, err error) {
	err = inScratch(k.proc, func(visit *sysctl.Visit) error {
		if keys, err = k.present(s, visit); err != nil || len(keys) == 0 {
			return err
		}
		value := s.Value
		if !s.HasValue {
			var unread error
			if value, unread = readAny(visit, keys); unread != nil {
				k.find(about(s, Problem, "%sthe hook reads before it writes, and can't here: %v", elsewhere(s, keys[len(keys)-1]), unread))
				keys = nil
			}
		}
		fields = max(len(strings.Fields(value)), 1)
		return nil
	})
	return keys, fields, err
}

// readAny reads the first of the keys that can be read.
func readAny(visit *sysctl.Visit, keys []sysctl.Key) (value string, err error) {
	for _, key := range keys {
		if value, err = visit.Read(key); err == nil {
			return value, nil
		}
	}
	return "", err
}

func (k *prover) present(s *policy.Setting, visit *sysctl.Visit) ([]sysctl.Key, error) {
	if s.Key.IsPattern() {
		keys, err := visit.Expand(s.Key)
		if err == nil && len(keys) == 0 {
			k.missing(s, "a new namespace on this kernel has no sysctl that it covers")
		}
		return keys, err
	}
	if has(visit, s.Key) {
		return []sysctl.Key{s.Key}, nil
	}
	if stand, ok := s.Key.InterfaceDefault(); ok && has(visit, stand) {
		k.find(about(s, Note, "a new namespace has no such interface; tried on %s", stand))
		return []sysctl.Key{stand}, nil
	}
	k.missing(s, "a new namespace on this kernel has no such sysctl")
	return nil, nil
}

// has reports whether the key is there, readable or not.
func has(visit *sysctl.Visit, key sysctl.Key) bool {
	_, err := visit.Read(key)
	return !errors.Is(err, sysctl.ErrNoKey)
}

func (k *prover) missing(s *policy.Setting, message string) {
	if s.Optional {
		k.find(about(s, Note, "%s; it is optional", message))
		return
	}
	k.find(about(s, Problem, "%s, and it is not optional", message))
}

// try writes a value to the keys in namespaces that nobody has changed yet.
func (k *prover) try(keys []sysctl.Key, value string) error {
	assignments := make([]sysctl.Assignment, len(keys))
	for i, key := range keys {
		assignments[i] = sysctl.Assignment{Key: key, Value: value}
	}
	return inScratch(k.proc, func(visit *sysctl.Visit) error {
		_, err := visit.Apply(assignments)
		return err
	})
}
