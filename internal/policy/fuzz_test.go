package policy

import (
	"os"
	"strings"
	"testing"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/spec"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/sysctl"
)

// FuzzPolicy: whatever a policy holds, it is read as go-toml reads it, every
// problem is one short line in the file, and what is accepted can be decided.
func FuzzPolicy(f *testing.F) {
	for _, text := range texts {
		f.Add([]byte(text))
	}
	data, err := os.ReadFile("../../policy.d/10-keepalive.toml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(everything))
	f.Fuzz(func(t *testing.T, data []byte) {
		compareWithUnmarshal(t, data)
		r := reader{source: &source{name: "p.toml", data: data}}
		rules := r.read()
		for _, problem := range r.problems {
			lines := strings.Count(string(data), "\n") + 1
			if problem.Line < 1 || problem.Line > lines || problem.Column < 1 {
				t.Errorf("%q: line %d, column %d of %d lines", data, problem.Line, problem.Column, lines)
			}
			checkOneLine(t, problem.String())
		}
		if len(r.problems) > 0 {
			return
		}
		p := &Policy{Rules: rules}
		d, err := p.Decide(Container{Annotations: map[string]string{"tier": "gold"}})
		if err != nil {
			t.Fatal(err)
		}
		for _, rule := range rules {
			checkOneLine(t, rule.Name)
			for _, setting := range rule.Settings {
				checkOneLine(t, setting.String())
			}
		}
		for _, decision := range d.List {
			checkOneLine(t, decision.Reason)
		}
	})
}

// checkOneLine: what is shown must neither break a log's line nor a terminal.
func checkOneLine(t *testing.T, text string) {
	t.Helper()
	const long = 1000
	if len(text) > long || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		t.Errorf("not a short line: %.*q", long, text)
	}
}

// everything is a policy that uses all that there is.
const everything = `[[rule]]
name = "everything"
on_refusal = "warn"
when = { pod_namespaces = ["payments-*", "[a-c]?"], containers = ["*"], annotations = { "^tier$" = "^(gold|silver)$" } }

[rule.sysctls]
"net.ipv4.tcp_keepalive_probes" = 6
"net.ipv4.tcp_keepalive_intvl" = { value = 10, override = "none" }
"net.ipv4.tcp_keepalive_time" = { value = 600, override = { min = 30, max = 7_200 } }
"net.ipv4.tcp_congestion_control" = { override = { values = ["bbr", "cubic"] } }
"net.ipv4.tcp_shiny_new" = { value = true, optional = true }
"net/ipv4/tcp_rmem" = [4096, 131072, "6291456"]
"net.ipv4.conf.*.rp_filter" = { value = "1", override = "config" }
"net.ipv4.ping_group_range" = { override = { pattern = "[0-9]+ [0-9]+" } }
"net.core.somaxconn" = { override = "any" }

[rule.sysctls."kernel.sem"]
value = "32000 1024000000 500 32000"
override.max = 0x7fffffff

[[rule]]
[rule.when]
containers = ["app"]
[rule.sysctls]
"kernel.domainname" = 'example.org'
"fs.mqueue.msg_max" = 0b1010
`

// enforced is a policy with a key of each override, two of them by a pattern.
const enforced = `[[rule]]
name = "enforced"
[rule.sysctls]
"net.ipv4.tcp_keepalive_intvl" = { value = 10, override = "none" }
"net.ipv4.tcp_keepalive_time" = { value = 600, override = { min = 30, max = 7200 } }
"net.ipv4.conf.*.rp_filter" = { value = 1, override = { values = [1, 2] } }
"net.ipv4.neigh.*.*" = { override = { pattern = "[1-9][0-9]*" } }
"net.core.somaxconn" = { override = "any" }
"net.core.optmem_max" = 1
`

// FuzzAnnotations: whatever a container asks for, by an annotation and by
// linux.sysctl, is let in by the policy, or refused on one short line.
func FuzzAnnotations(f *testing.F) {
	for _, ask := range [][2]string{
		{"net.ipv4.tcp_keepalive_intvl", "10"}, {"net/ipv4/tcp_keepalive_intvl", " 10\n"}, {"net.ipv4.conf.eth0/1.rp_filter", "2"},
		{"net.ipv4.neigh.lo.x", "7"}, {"net.core.somaxconn", "é"}, {"net.core.optmem_max", "1"}, {"vm.swappiness", "1"}, {"net..x", "1"},
		{"net.ipv4.tcp_keepalive_time", "0x258"}, {"net....ipv4.tcp_keepalive_intvl", "11"},
		{"net.ipv4.tcp_keepalive_time", strings.Repeat("9", sysctl.MaxValueLen)}, {"net.ipv4.tcp_keepalive_time", strings.Repeat("x", sysctl.MaxValueLen)},
	} {
		f.Add(ask[0], ask[1], ask[0], ask[1])
		f.Add(ask[0], ask[1], "", "")
		f.Add("", "", ask[0], ask[1])
	}
	p := mustRead(f, enforced)
	f.Fuzz(func(t *testing.T, name, value, sysctlName, sysctlValue string) {
		for _, kind := range []spec.NamespaceKind{spec.Host, spec.New, spec.Joined} {
			c := Container{Namespaces: allKinds(kind), Annotations: map[string]string{}, Sysctl: map[string]string{}}
			if name != "" {
				c.Annotations[AnnotationPrefix+name] = value
			}
			if sysctlName != "" {
				c.Sysctl[sysctlName] = sysctlValue
			}
			d, err := p.Decide(c)
			if err != nil {
				t.Fatal(err)
			}
			checkDecisions(t, d, c)
		}
	})
}

func checkDecisions(t *testing.T, d *Decisions, c Container) {
	t.Helper()
	for _, decision := range d.List {
		checkOneLine(t, decision.Key.String())
		checkOneLine(t, decision.Reason)
		checkOneLine(t, decision.Refusal().Error())
		_, err := decision.Key.Namespace()
		if decision.Verdict == Set && (err != nil || c.Namespaces[namespace(decision.Key)] == spec.Host) {
			t.Errorf("%v would be set", decision)
		}
		if decision.Verdict == Set && decision.Door == Annotation {
			if err := decision.Setting.AllowsAnnotation(decision.Value); err != nil {
				t.Errorf("%v would be set: %v", decision, err)
			}
		}
	}
	if len(d.Refused()) > 0 || c.Namespaces["network"] == spec.Host {
		return
	}
	// The runtime will write this, and what is enforced must hold.
	for name, value := range c.Sysctl {
		const longest = 255 // no sysctl below net has a longer path
		path := strings.Join(strings.FieldsFunc(name, func(c rune) bool { return c == '.' || c == '/' }), "/")
		s := d.setting(sysctl.Key(path))
		if s != nil && len(path) <= longest && s.Allows(value) != nil && s.Allows(fields(value)) != nil {
			t.Errorf("the runtime would set %q = %q", name, value)
		}
	}
	for name := range c.Annotations {
		if len(d.List) == 0 {
			t.Errorf("nothing is said of %q", name)
		}
	}
}
