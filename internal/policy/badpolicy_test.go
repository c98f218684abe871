package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/golden"
)

// readText reads a policy from a file of this name.
func readText(text string) ([]*Rule, []Problem) {
	r := reader{source: &source{name: "p.toml", data: []byte(text)}}
	rules := r.read()
	return rules, r.problems
}

// sysctls is a rule with these lines in its sysctls, which begin on line 4.
func sysctls(lines ...string) string {
	return "[[rule]]\nname = \"r\"\n[rule.sysctls]\n" + strings.Join(lines, "\n") + "\n"
}

// when is a rule with this when, on line 2.
func when(table string) string {
	return "[[rule]]\nwhen = " + table + "\n[rule.sysctls]\n\"net.x.y\" = 1\n"
}

// override is a rule with a sysctl that has a value and this override.
func override(text string) string {
	return sysctls(`"net.x.y" = { value = 5, override = ` + text + ` }`)
}

var badPolicies = map[string]string{
	// the file
	"not TOML":              "rule: {}\n",
	"not UTF-8":             "a = \"\xff\"\n",
	"binary":                "\x7fELF\x00",
	"unfinished string":     "[[rule]]\nname = \"r\n",
	"unfinished table":      "[[rule]\n",
	"defined twice":         sysctls(`"net.x.y" = 1`, `"net.x.y" = 2`),
	"defined twice, dotted": "[[rule]]\nwhen.containers = [\"a\"]\nwhen = {}\n",
	"unknown table":         "[rules]\n[a.b]\nc = 1\n",
	"unknown field":         "rules = 1\nx.y = 2\n",
	"rule as a table":       "[rule]\n",
	"rule as a string":      "rule = \"r\"\n",
	"rule of strings":       "rule = [\"r\", 1]\n",
	// a rule
	"rule without sysctls":       "[[rule]]\nname = \"r\"\n\n[[rule]]\n",
	"rule with an unknown field": "[[rule]]\nnmae = \"r\"\n[rule.sysctl]\n\"net.x.y\" = 1\n",
	"name empty":                 "[[rule]]\nname = \"\"\nsysctls = {\"net.x.y\" = 1}\n",
	"name number":                "[[rule]]\nname = 1\nsysctls = {\"net.x.y\" = 1}\n",
	"name of control bytes":      "[[rule]]\nname = \"a\\nb\\u001b\"\nsysctls = {\"net.x.y\" = 1}\n",
	"name not ASCII":             "[[rule]]\nname = \"é\"\nsysctls = {\"net.x.y\" = 1}\n",
	"on_refusal":                 "[[rule]]\non_refusal = \"ignore\"\nsysctls = {\"net.x.y\" = 1}\n",
	"on_refusal boolean":         "[[rule]]\non_refusal = true\nsysctls = {\"net.x.y\" = 1}\n",
	"sysctls as an array":        "[[rule]]\n[[rule.sysctls]]\n\"net.x.y\" = 1\n",
	"sysctls empty":              sysctls(),
	// when
	"when string":                when(`"always"`),
	"when unknown":               when(`{ namespaces = ["a"], pods = ["b"] }`),
	"when globs string":          when(`{ pod_namespaces = "a", containers = "*" }`),
	"when globs empty":           when(`{ pod_namespaces = [], containers = [] }`),
	"when globs of numbers":      when(`{ containers = [1, "a", ["b"]] }`),
	"when globs bad":             when(`{ containers = ["[", "a[", "[]a]", "\\", "ok[a-c]*?"] }`),
	"when annotations array":     when(`{ annotations = ["a"] }`),
	"when annotations empty":     when(`{ annotations = {} }`),
	"when annotations number":    when(`{ annotations = { a = 1 } }`),
	"when annotations dotted":    when(`{ annotations = { example.org/tier = "gold" } }`),
	"when annotations in quotes": when(`{ annotations = { example.tier = "gold" } }`),
	"when expressions bad":       when(`{ annotations = { "(" = ".", "a" = "*", "b)(c" = "[" } }`),
	// keys
	"key bare":             sysctls(`net.ipv4.tcp_keepalive_time = 600`),
	"key of one component": sysctls(`"tcp_keepalive_time" = 600`),
	"key empty":            sysctls(`"" = 600`),
	"key in two spellings": sysctls(`"net.ipv4.tcp_rmem" = 1`, `"net/ipv4/tcp_rmem" = 2`),
	"keys of the host": sysctls(`"vm.swappiness" = 1`, `"kernel.hostname" = "x"`, `"user.max_net_namespaces" = 1`, `"fs.file-max" = 1`,
		`"kernel.shmmaxx" = 1`, `"kernel.*" = 1`, `"*.ipv4.ip_forward" = 1`, `"kernel.msg_next_id" = 1`),
	"keys that lead elsewhere": sysctls(`"net/../vm/swappiness" = 1`, `"net..ipv4.x" = 1`, `"/net/ipv4/x" = 1`, `"net.ipv4." = 1`, `"net/./x" = 1`),
	"keys of odd bytes":        sysctls(`"net.ipv4.x y" = 1`, `"net.é" = 1`, `"net.\u0000" = 1`, `"net.\u001b[31m" = 1`, `"net.ip*.x" = 1`),
	"key long":                 sysctls(`"net.` + strings.Repeat("x", 300) + `" = 1`),
	// values
	"value float":         sysctls(`"net.x.y" = 1.5`, `"net.x.z" = inf`),
	"value date":          sysctls(`"net.x.y" = 2026-01-01`, `"net.x.z" = 10:00:00`, `"net.x.a" = 2026-01-01T10:00:00Z`),
	"value table":         sysctls(`"net.x.y" = { value = { a = 1 } }`),
	"value array of odds": sysctls(`"net.x.y" = [1, [2], {a = 3}, 4.5, "x\u0000"]`),
	"value too large":     sysctls(`"net.x.y" = 9223372036854775808`, `"net.x.z" = -9223372036854775809`, `"net.x.a" = 0xffffffffffffffff`),
	"value of odd bytes":  sysctls(`"net.x.y" = "a\u0000"`, `"net.x.z" = "é"`, `"net.x.a" = "\u001b[31m"`, `"net.x.b" = "\u00a0"`),
	"value long":          sysctls(`"net.x.y" = "` + strings.Repeat("x", 4096) + `"`),
	"no value":            sysctls(`"net.x.y" = {}`, `"net.x.z" = { optional = true }`, `"net.x.a" = { override = "none" }`, `"net.x.b" = { override = "config" }`),
	"unknown in a sysctl": sysctls(`"net.x.y" = { valeu = 1, overide = "any" }`),
	"optional string":     sysctls(`"net.x.y" = { value = 1, optional = "yes" }`),
	"optional number":     sysctls(`"net.x.y" = { value = 1, optional = 1 }`),
	// override
	"override unknown":     override(`"never"`),
	"override boolean":     override(`true`),
	"override array":       override(`["bbr"]`),
	"bounds empty":         override(`{}`),
	"bounds unknown":       override(`{ mn = 1 }`),
	"bounds of two kinds":  override(`{ min = 1, values = [5] }`),
	"bounds of all kinds":  override(`{ values = [5], max = 7, pattern = "5" }`),
	"bounds crossed":       override(`{ min = 8, max = 7 }`),
	"bounds of strings":    override(`{ min = "1", max = "7" }`),
	"bounds of fractions":  override(`{ min = 1.0, max = 7.5 }`),
	"bounds too large":     override(`{ max = 18446744073709551615 }`),
	"values string":        override(`{ values = "5" }`),
	"values empty":         override(`{ values = [] }`),
	"values of odds":       override(`{ values = [1.5, {}, 2026-01-01, "é"] }`),
	"pattern bad":          override(`{ pattern = "(" }`),
	"pattern that unwraps": override(`{ pattern = "a)|(b" }`),
	"pattern unquoted":     override(`{ pattern = '\Qa' }`),
	"pattern of control":   override(`{ pattern = "(\n\u001b[31m" }`),
	"pattern long":         override(`{ pattern = "(` + strings.Repeat("x", 3000) + `" }`),
	"pattern of too much":  override(`{ pattern = "(((a{99}){99}){99}" }`),
	"pattern number":       override(`{ pattern = 5 }`),
}

func TestBadPolicies(t *testing.T) {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(badPolicies)) {
		_, problems := readText(badPolicies[name])
		fmt.Fprintf(&text, "# %s\n", name)
		if len(problems) == 0 {
			t.Errorf("%s: no problem", name)
		}
		for _, problem := range problems {
			checkOneLine(t, problem.String())
			fmt.Fprintln(&text, problem)
		}
	}
	golden.Check(t, "badpolicies", text.String())
}
