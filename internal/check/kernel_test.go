package check

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/nstest"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/sysctl"
)

// prove proves policy files on this kernel.
func prove(t *testing.T, texts ...string) ([]string, *Proof) {
	t.Helper()
	p, dir, err := load(t, texts...)
	if err != nil {
		t.Fatal(err)
	}
	findings, proof, err := Kernel(p, nstest.OpenProc(t))
	if errors.Is(err, unix.EPERM) {
		nstest.Cannot(t, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return lines(findings, dir), proof
}

func TestKernel(t *testing.T) {
	const other = "\n[[rule]]\nname = \"s\"\n[rule.sysctls]\n"
	for name, test := range map[string]struct {
		sysctls string // from line 4 on
		want    []string
		values  int
	}{
		"good": {
			sysctls: `"net.ipv4.tcp_keepalive_time" = { value = 600, override = { min = 30, max = 7200 } }
"net.ipv4.tcp_rmem" = { override = { min = 4096, max = 6291456 } }
"net.ipv4.conf.*.rp_filter" = { value = 2, override = { values = [0, 1, 2] } }
"kernel.shm_rmid_forced" = { value = true, override = "any" }
"kernel.domainname" = "example.org"`,
			values: 3 + 2 + 4 + 1 + 1,
		},
		"refused": {
			sysctls: `"net.ipv4.tcp_keepalive_probes" = { value = 6, override = { min = -1, max = 300 } }`,
			want: []string{
				`1.toml:4:1: problem: net.ipv4.tcp_keepalive_probes: the minimum "-1": the kernel refuses it: invalid argument`,
				`1.toml:4:1: problem: net.ipv4.tcp_keepalive_probes: the maximum "300": the kernel refuses it: invalid argument`,
			},
			values: 3,
		},
		"not kept": {
			sysctls: `"net.ipv4.tcp_keepalive_time" = { override = { values = [600, [600, 700]] } }`,
			want:    []string{`1.toml:4:1: problem: net.ipv4.tcp_keepalive_time: the choice "600 700": the kernel kept "600"`},
			values:  2,
		},
		"unknown algorithm": {
			sysctls: `"net.ipv4.tcp_congestion_control" = { override = { values = ["no-such"] } }`,
			want:    []string{`1.toml:4:1: problem: net.ipv4.tcp_congestion_control: the choice "no-such": the kernel refuses it: no such file or directory`},
			values:  1,
		},
		"missing": {
			sysctls: `"net.ipv4.no_such" = 1
"net.ipv4.nor_this" = { value = 1, optional = true }
"net.no.*" = 1
"net.no.*.either" = { value = 1, optional = true }`,
			want: []string{
				`1.toml:4:1: problem: net.ipv4.no_such: a new namespace on this kernel has no such sysctl, and it is not optional`,
				`1.toml:5:1: note: net.ipv4.nor_this: a new namespace on this kernel has no such sysctl; it is optional`,
				`1.toml:6:1: problem: net.no.*: a new namespace on this kernel has no sysctl that it covers, and it is not optional`,
				`1.toml:7:1: note: net.no.*.either: a new namespace on this kernel has no sysctl that it covers; it is optional`,
			},
		},
		"of an interface": {
			sysctls: `"net.ipv4.conf.eth0.rp_filter" = 1
"net.ipv4.conf.eth0.no_such" = 1
"net.ipv4.conf.eth1.rp_filter" = "x"`,
			want: []string{
				`1.toml:4:1: note: net.ipv4.conf.eth0.rp_filter: a new namespace has no such interface; tried on net.ipv4.conf.default.rp_filter`,
				`1.toml:5:1: problem: net.ipv4.conf.eth0.no_such: a new namespace on this kernel has no such sysctl, and it is not optional`,
				`1.toml:6:1: note: net.ipv4.conf.eth1.rp_filter: a new namespace has no such interface; tried on net.ipv4.conf.default.rp_filter`,
				`1.toml:6:1: problem: net.ipv4.conf.eth1.rp_filter: the value "x": net.ipv4.conf.default.rp_filter: the kernel refuses it: invalid argument`,
			},
			values: 2,
		},
		"not to be read": {
			sysctls: `"net.ipv4.route.flush" = 1
"net.ipv6.conf.default.stable_secret" = { override = "any" }
"net.ipv4.tcp_keepalive_probes" = 300`,
			want: []string{
				`1.toml:4:1: problem: net.ipv4.route.flush: the value "1": /proc/sys/net/ipv4/route/flush: permission denied`,
				`1.toml:5:1: problem: net.ipv6.conf.default.stable_secret: the hook reads before it writes, and can't here: cannot be read: input/output error`,
				`1.toml:6:1: problem: net.ipv4.tcp_keepalive_probes: the value "300": the kernel refuses it: invalid argument`,
			},
			values: 2,
		},
		"not all to be read": {
			sysctls: `"net.ipv4.route.*" = { override = { values = [1000] } }
"net.ipv6.conf.*.stable_secret" = { override = "any" }`,
			want: []string{
				`1.toml:4:1: problem: net.ipv4.route.*: the choice "1000": net.ipv4.route.flush: /proc/sys/net/ipv4/route/flush: permission denied`,
				`1.toml:5:1: problem: net.ipv6.conf.*.stable_secret: net.ipv6.conf.lo.stable_secret: the hook reads before it writes, and can't here: cannot be read: input/output error`,
			},
			values: 1,
		},
		"a pattern allows": {
			sysctls: `"kernel.domainname" = { override = { pattern = "[a-z.]+" } }`,
			want:    []string{`1.toml:4:1: note: kernel.domainname: which values the pattern lets in can't be proven`},
		},
		"values that exclude each other": {
			sysctls: `"net.ipv4.ip_unprivileged_port_start" = 2000
"net.ipv4.ip_local_port_range" = [1024, 65000]`,
			want:   []string{`1.toml:5:1: problem: net.ipv4.ip_local_port_range: the value "1024 65000" does not go with the rule's other values: the kernel refuses it: invalid argument`},
			values: 2,
		},
		"a sysctl that changes another": {
			sysctls: `"net.ipv4.ip_forward" = 1
"net.ipv4.conf.all.forwarding" = 0`,
			want:   []string{`1.toml:4:1: problem: net.ipv4.ip_forward: the value "1" does not go with the rule's other values: it does not last: another sysctl of the policy changes it`},
			values: 2,
		},
		"rules that exclude each other": {
			sysctls: `"net.ipv4.ip_unprivileged_port_start" = 2000` + other + `"net.ipv4.ip_local_port_range" = [1024, 65000]`,
			want:    []string{`1.toml:8:1: problem: net.ipv4.ip_local_port_range: the value "1024 65000" does not go with the values of other rules: the kernel refuses it: invalid argument`},
			values:  2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, proof := prove(t, oneRule+test.sysctls)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if proof.Values != test.values || !strings.HasPrefix(proof.Kernel, "Linux ") {
				t.Errorf("proof %+v, want %d values", proof, test.values)
			}
		})
	}
}

// What one container may get from two rules is tried together, and no more.
func TestKernelTriesWhatComesTogether(t *testing.T) {
	const start, ports = `"net.ipv4.ip_unprivileged_port_start" = 2000`, `"net.ipv4.ip_local_port_range" = [1024, 65000]`
	for name, test := range map[string]struct {
		first, second string // conditions
		want          string
	}{
		"no container gets both":        {`containers = ["a"]`, `containers = ["b"]`, ""},
		"an annotation has one value":   {`annotations = { "^tier$" = "^(gold|silver)$" }`, `annotations = { "^tier$" = "^bronze$" }`, ""},
		"for all and for some":          {"", `containers = ["b"]`, "the values of other rules: "},
		"globs for all":                 {`containers = ["*"]`, `pod_namespaces = ["*"]`, "the values of other rules: "},
		"namespaces and containers":     {`pod_namespaces = ["a"]`, `containers = ["b"]`, `the rules "first" and "second" match: `},
		"globs that overlap":            {`containers = ["a*"]`, `containers = ["b", "*b"]`, `the rules "first" and "second" match: `},
		"annotations of different name": {`annotations = { "^tier$" = "^gold$" }`, `annotations = { "^zone$" = "^eu$" }`, `the rules "first" and "second" match: `},
	} {
		t.Run(name, func(t *testing.T) {
			rule := func(name, when, sysctl string) string {
				return fmt.Sprintf("[[rule]]\nname = %q\nwhen = { %s }\nsysctls = { %s }\n", name, when, sysctl)
			}
			got, _ := prove(t, rule("first", test.first, start)+rule("second", test.second, ports))
			switch {
			case test.want == "" && got != nil:
				t.Errorf("findings %q, want none", got)
			case test.want != "" && (len(got) != 1 || !strings.Contains(got[0], test.want)):
				t.Errorf("findings %q, want one with %q", got, test.want)
			}
		})
	}
}

// Many rules must not make the proof endless, nor pass for proven.
func TestKernelBoundsPairs(t *testing.T) {
	const rules = 46 // 1035 pairs
	var text strings.Builder
	for i := range rules {
		fmt.Fprintf(&text, "[[rule]]\nwhen = { annotations = { a%d = \"\" } }\nsysctls = { \"net.ipv4.tcp_ecn\" = 1 }\n", i)
	}
	got, proof := prove(t, text.String())
	if got != nil || proof.Pairs != rules*(rules-1)/2-maxPairs {
		t.Errorf("%d pairs left out, findings %q", proof.Pairs, got)
	}
}

// The proof is made beside the host, not on it.
func TestKernelLeavesHost(t *testing.T) {
	keys := []string{"/proc/sys/net/ipv4/tcp_keepalive_time", "/proc/sys/kernel/domainname", "/proc/sys/kernel/msgmax"}
	read := func() (values []string) {
		for _, key := range keys {
			value, err := os.ReadFile(key)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, string(value))
		}
		return values
	}
	before := read()
	prove(t, oneRule+`"net.ipv4.tcp_keepalive_time" = 611
"kernel.domainname" = "proof.example.org"
"kernel.msgmax" = 12345
`)
	if diff := cmp.Diff(before, read()); diff != "" {
		t.Errorf("the host's values (-before +after):\n%s", diff)
	}
}

func TestHint(t *testing.T) {
	failed := func(key sysctl.Key, err error) *sysctl.WriteError {
		return &sysctl.WriteError{Assignment: sysctl.Assignment{Key: key}, Err: err}
	}
	if got := hint(failed("net/ipv4/tcp_congestion_control", unix.EPERM)); !strings.Contains(got, "tcp_allowed_congestion_control") {
		t.Errorf("hint %q", got)
	}
	if got := hint(failed("net/ipv4/tcp_congestion_control", unix.ENOENT)) + hint(failed("net/ipv4/tcp_ecn", unix.EPERM)); got != "" {
		t.Errorf("hint %q", got)
	}
}
