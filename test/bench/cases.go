package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// benchCase is a program to be measured.
type benchCase struct {
	name   string
	group  string // cases of one group are compared with its first
	argv   []string
	env    []string
	stdin  string
	before func() error
	check  func() error // after one run that isn't counted

	millis []float64
}

// sysctl is a key with what a new namespace has and what it is to get.
type sysctl struct{ key, initial, value string }

func (s sysctl) path() string { return strings.ReplaceAll(s.key, ".", "/") }

// sysctls returns n keys; the first three are the keepalive ones.
func sysctls(n int) []sysctl {
	all := []sysctl{
		{"net.ipv4.tcp_keepalive_time", "7200", "600"},
		{"net.ipv4.tcp_keepalive_intvl", "75", "10"},
		{"net.ipv4.tcp_keepalive_probes", "9", "6"},
	}
	for _, name := range []string{
		"tcp_fin_timeout", "tcp_retries1", "tcp_retries2", "tcp_syn_retries", "tcp_synack_retries",
		"tcp_orphan_retries", "tcp_reordering", "tcp_base_mss", "tcp_probe_interval", "tcp_probe_threshold",
		"tcp_notsent_lowat", "tcp_limit_output_bytes", "tcp_challenge_ack_limit", "tcp_max_syn_backlog",
		"tcp_max_tw_buckets", "tcp_pacing_ca_ratio", "tcp_pacing_ss_ratio", "tcp_min_rtt_wlen",
		"tcp_invalid_ratelimit", "tcp_comp_sack_nr", "tcp_max_reordering", "ip_default_ttl",
		"ipfrag_time", "ip_forward_update_priority", "igmp_qrv", "igmp_max_memberships", "igmp_max_msf",
	} {
		all = append(all, sysctl{"net.ipv4." + name, "", ""})
	}
	for i := range all {
		all[i].fill()
	}
	return all[:n]
}

// fill chooses a value next to the one that this machine has.
func (s *sysctl) fill() {
	if s.value != "" {
		return
	}
	s.initial, s.value = "3", "4"
	switch {
	case strings.HasSuffix(s.key, "mss"):
		s.initial, s.value = "1024", "1025"
	case strings.HasSuffix(s.key, "max_msf"), strings.HasSuffix(s.key, "backlog"):
		s.initial, s.value = "100", "101"
	case strings.HasSuffix(s.key, "update_priority"):
		s.initial, s.value = "1", "0"
	}
}

// policyText is a policy of the rules, the last of which names the keys.
func policyText(rules int, keys []sysctl) string {
	var text strings.Builder
	for n := 1; n < rules; n++ {
		fmt.Fprintf(&text, "[[rule]]\nname = \"team %d\"\nwhen = { pod_namespaces = [\"team-%d-*\"] }\n[rule.sysctls]\n", n, n)
		fmt.Fprintf(&text, "\"net.ipv4.tcp_keepalive_time\" = { value = %d, override = { min = 30, max = 7200 } }\n\n", 600+n)
	}
	text.WriteString("[[rule]]\nname = \"keepalive\"\n[rule.sysctls]\n")
	for _, s := range keys {
		fmt.Fprintf(&text, "%q = %s\n", s.key, s.value)
	}
	return text.String()
}

// hookInput makes a bundle with padding bytes in a member that the hook has to
// skip, and the state for it.
func hookInput(dir string, pid, padding int) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	spec := newSpec()
	for n := 0; padding > 0; n++ {
		env := fmt.Sprintf("VARIABLE_%d=%s", n, strings.Repeat("x", 100))
		spec.Process.Env = append(spec.Process.Env, env)
		padding -= len(env)
	}
	if err := writeJSON(filepath.Join(dir, "config.json"), spec); err != nil {
		return "", err
	}
	state := filepath.Join(dir, "state.json")
	return state, writeJSON(state, specs.State{
		Version: "1.0.2", ID: "bench", Status: specs.StateCreating, Pid: pid, Bundle: dir,
	})
}

func writeJSON(path string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}

func writePolicy(dir string, rules, keys int) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	return dir, os.WriteFile(filepath.Join(dir, "10-bench.toml"), []byte(policyText(rules, sysctls(keys))), 0o644)
}
