package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// programCases are the programs that are run as a runtime would run them, on
// a process that sleeps in a network namespace of its own.
func programCases(dir, bin string, t *target) ([]*benchCase, error) {
	state, err := hookInput(filepath.Join(dir, "bundle"), t.cmd.Process.Pid, 0)
	if err != nil {
		return nil, err
	}
	large, err := hookInput(filepath.Join(dir, "large"), t.cmd.Process.Pid, 1<<20)
	if err != nil {
		return nil, err
	}
	tuning, err := tuningInput(dir)
	if err != nil {
		return nil, err
	}
	hook := filepath.Join(bin, "oci-sysctl-hook")
	cases := []*benchCase{
		{name: "empty Go program", argv: []string{filepath.Join(bin, "bench-empty")}, stdin: state},
		{name: "one that links x/sys/unix", argv: []string{filepath.Join(bin, "bench-unix")}, stdin: state},
		{name: "one that links the hook's libraries", argv: []string{filepath.Join(bin, "bench-libraries")}, stdin: state},
		{name: "oci-sysctl-hook --version", argv: []string{hook, "--version"}},
		{name: "three keys opened, as the hook does", argv: []string{filepath.Join(bin, "bench-procfs")}, stdin: state},
		{name: "three keys opened with pathrs-lite", argv: []string{filepath.Join(bin, "bench-securejoin")}, stdin: state},
		{name: "hook in C, no policy, no checks", argv: []string{filepath.Join(bin, "bench-hook-c")}, stdin: state, check: t.hasValues(3)},
	}
	for _, v := range []struct {
		name        string
		rules, keys int
		state       string
		args        []string
	}{
		{"oci-sysctl-hook, 3 keys", 1, 3, state, nil},
		{"oci-sysctl-hook, 3 keys, --log=none", 1, 3, state, []string{"--log=none"}},
		{"oci-sysctl-hook, 30 keys", 1, 30, state, nil},
		{"oci-sysctl-hook, 3 keys, 100 rules", 100, 3, state, nil},
		{"oci-sysctl-hook, 3 keys, config.json of 1 MB", 1, 3, large, nil},
	} {
		policy, err := writePolicy(filepath.Join(dir, fmt.Sprintf("policy-%d-%d", v.rules, v.keys)), v.rules, v.keys)
		if err != nil {
			return nil, err
		}
		argv := append([]string{hook, "--policy-dir", policy}, v.args...)
		cases = append(cases, &benchCase{name: v.name, argv: argv, stdin: v.state, check: t.hasValues(v.keys)})
	}
	cases = append(cases,
		&benchCase{
			name: "CNI tuning plugin (Debian), 3 keys", argv: []string{"/usr/lib/cni/tuning"}, stdin: tuning,
			env: []string{
				"CNI_COMMAND=ADD", "CNI_CONTAINERID=bench", "CNI_IFNAME=lo", "CNI_PATH=/usr/lib/cni",
				fmt.Sprintf("CNI_NETNS=/proc/%d/ns/net", t.cmd.Process.Pid),
			},
			check: t.hasValues(3),
		},
		&benchCase{name: "shell, jq, nsenter and sysctl, 3 keys", argv: []string{"test/bench/other/hook.sh"}, stdin: state, check: t.hasValues(3)},
	)
	for _, c := range cases {
		c.before = t.restore
	}
	return cases, nil
}

// hasValues checks that a program has done what it was measured for.
func (t *target) hasValues(keys int) func() error {
	return func() error {
		for _, s := range sysctls(keys) {
			value, err := t.read(s)
			if err != nil || value != s.value {
				return fmt.Errorf("%s is %q, not %q: %w", s.key, value, s.value, err)
			}
		}
		return nil
	}
}

func tuningInput(dir string) (string, error) {
	values := map[string]string{}
	for _, s := range sysctls(3) {
		values[s.key] = s.value
	}
	config, err := json.Marshal(map[string]any{
		"cniVersion": "0.4.0", "name": "bench", "type": "tuning", "sysctl": values,
		"prevResult": map[string]any{"cniVersion": "0.4.0"},
	})
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "tuning.json")
	return path, os.WriteFile(path, config, 0o644)
}
