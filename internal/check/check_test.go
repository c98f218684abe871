package check

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/policy"
)

// load loads policy files 1.toml, 2.toml ... from the texts.
func load(t *testing.T, texts ...string) (p *policy.Policy, dir string, err error) {
	t.Helper()
	dir = t.TempDir()
	for i, text := range texts {
		path := filepath.Join(dir, string(rune('1'+i))+".toml")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p, err = policy.Load([]string{dir})
	return p, dir, err
}

// lines are the findings, sorted, without the directory.
func lines(findings []Finding, dir string) (all []string) {
	Sort(findings)
	for _, f := range findings {
		all = append(all, strings.ReplaceAll(f.String(), dir+"/", ""))
	}
	return all
}

const oneRule = "[[rule]]\nname = \"r\"\n[rule.sysctls]\n"

// rulesCase is policy files and what is found there.
type rulesCase struct {
	files []string
	want  []string
}

func TestRules(t *testing.T) {
	for name, test := range map[string]rulesCase{
		"good": {files: []string{oneRule + `"net.ipv4.tcp_keepalive_time" = { value = 600, override = { min = 30, max = 7200 } }`}},
		"below its minimum": {
			files: []string{oneRule + `"net.ipv4.tcp_keepalive_time" = { value = 6, override = { min = 30 } }`},
			want:  []string{`1.toml:4:1: problem: net.ipv4.tcp_keepalive_time: its value "6" is outside its own bounds: 6 is below the minimum 30`},
		},
		"none of its choices": {
			files: []string{oneRule + `"net.ipv4.tcp_congestion_control" = { value = "reno", override = { values = ["bbr"] } }`},
			want:  []string{`1.toml:4:1: problem: net.ipv4.tcp_congestion_control: its value "reno" is outside its own bounds: the policy allows "bbr"`},
		},
		"not its pattern": {
			files: []string{oneRule + `"kernel.domainname" = { value = "A", override = { pattern = "[a-z]" } }`},
			want:  []string{`1.toml:4:1: problem: kernel.domainname: its value "A" is outside its own bounds: it does not match the policy's pattern "[a-z]"`},
		},
		"enforced where an annotation is": {
			files: []string{"[[rule]]\nname = \"r\"\nwhen = { annotations = { a = \"b\" } }\n[rule.sysctls]\n\"net.ipv4.ip_forward\" = { value = 0, override = \"none\" }\n\"net.ipv4.tcp_ecn\" = 1"},
			want:  []string{`1.toml:5:1: warning: net.ipv4.ip_forward: it is enforced, but on containers with certain annotations only: their authors can leave these out`},
		},
		"loosened where an annotation is": {
			files: []string{oneRule + "\"net.ipv4.tcp_ecn\" = { value = 1, override = \"none\" }\n" +
				"[[rule]]\nname = \"gold\"\nwhen = { annotations = { a = \"b\" } }\n[rule.sysctls]\n\"net.ipv4.tcp_ecn\" = { override = \"any\" }"},
			want: []string{`1.toml:9:1: warning: net.ipv4.tcp_ecn: it loosens what rule "r" (1.toml:4) enforces, for containers whose author writes the annotation or name that this rule wants`},
		},
		"loosened by a more exact key": {
			files: []string{"[[rule]]\nname = \"app\"\nwhen = { containers = [\"app\"] }\n[rule.sysctls]\n\"net.ipv4.conf.lo.rp_filter\" = 0\n" +
				oneRule + "\"net.ipv4.conf.*.rp_filter\" = { value = 1, override = \"none\" }"},
			want: []string{`1.toml:5:1: warning: net.ipv4.conf.lo.rp_filter: it loosens what rule "r" (1.toml:9) enforces, for containers whose author writes the annotation or name that this rule wants`},
		},
		"globs": {
			files: []string{"[[rule]]\nname = \"r\"\nwhen = { pod_namespaces = [\"A*\", \"a*\"], containers = [\"x_y\", \"Z\"] }\n[rule.sysctls]\n\"net.ipv4.tcp_ecn\" = 1"},
			want: []string{
				`1.toml:1:3: problem: rule "r": pod_namespaces "A*" matches no name that Kubernetes allows (lower-case letters, digits and '-', at most 63)`,
				`1.toml:1:3: problem: rule "r": containers "x_y" matches no name that Kubernetes allows (lower-case letters, digits and '-', at most 63)`,
				`1.toml:1:3: problem: rule "r": containers "Z" matches no name that Kubernetes allows (lower-case letters, digits and '-', at most 63)`,
				`1.toml:1:3: problem: rule "r": it matches no container at all`,
			},
		},
		"annotations": {
			files: []string{"[[rule]]\nname = \"r\"\nwhen = { annotations = { \"^tier$\" = \"gold^\" } }\n[rule.sysctls]\n\"net.ipv4.tcp_ecn\" = 1"},
			want:  []string{`1.toml:1:3: problem: rule "r": the annotation's expression "gold^" matches no text, so the rule matches no container`},
		},
		"shadowed in its file": {
			files: []string{when("", "1") + when("", "2") + when("", "3")},
			want: []string{
				`1.toml:4:13: problem: net.ipv4.tcp_ecn: it never counts: rule "r3" (1.toml:12) names it too, for at least the same containers`,
				`1.toml:8:13: problem: net.ipv4.tcp_ecn: it never counts: rule "r3" (1.toml:12) names it too, for at least the same containers`,
			},
		},
		"overridden by another file": {
			files: []string{when("", "1"), when("", "2")},
			want:  []string{`1.toml:4:13: note: net.ipv4.tcp_ecn: overridden by rule "r2" (2.toml:4)`},
		},
		"a later rule is for fewer":     {files: []string{when("", "1") + when(`containers = ["a"]`, "2")}},
		"a later rule is for others":    {files: []string{when(`containers = ["b"]`, "1") + when(`containers = ["a"]`, "2")}},
		"a later rule asks more":        {files: []string{when(`containers = ["a"]`, "1") + when(`containers = ["a"], pod_namespaces = ["a"]`, "2")}},
		"a later rule is for as many":   alwaysCounts(`containers = ["a", "b*"]`, `containers = ["b*", "a*"]`),
		"a later rule is for all names": alwaysCounts(`pod_namespaces = ["a"]`, `pod_namespaces = ["*"], containers = ["*"]`),
		"a later rule asks less":        alwaysCounts(`pod_namespaces = ["a"], annotations = { x = "y", z = "." }`, `annotations = { z = "." }`),
		"annotations differ":            {files: []string{when(`annotations = { x = "y" }`, "1") + when(`annotations = { x = "z" }`, "2")}},
		"a pattern shadows no key":      {files: []string{oneRule + `"net.ipv4.conf.lo.rp_filter" = 1` + "\n" + `"net.ipv4.conf.*.rp_filter" = 2`}},
	} {
		t.Run(name, func(t *testing.T) {
			p, dir, err := load(t, test.files...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, lines(Rules(p), dir)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// when is a rule of four lines for some containers.
func when(conditions, value string) string {
	return "[[rule]]\nname = \"r" + value + "\"\nwhen = { " + conditions + " }\nsysctls = { \"net.ipv4.tcp_ecn\" = " + value + " }\n"
}

// alwaysCounts is two rules of which the second counts always.
func alwaysCounts(first, second string) rulesCase {
	return rulesCase{
		[]string{when(first, "1") + when(second, "2")},
		[]string{`1.toml:4:13: problem: net.ipv4.tcp_ecn: it never counts: rule "r2" (1.toml:8) names it too, for at least the same containers`},
	}
}

func TestLoadProblems(t *testing.T) {
	_, dir, err := load(t, "[[rule]]\nnam = 1\n[rule.sysctls]\n\"net.ipv4.tcp_ecn\" = 1.5\n", "rule = [", oneRule+`"net.ipv4.tcp_ecn" = 1`)
	want := []string{
		`1.toml:2:1: problem: unknown field "nam"; a rule has name, when, on_refusal and sysctls`,
		`1.toml:4:1: problem: a value is an integer, a string, a boolean or an array of these, not a floating-point number`,
	}
	got := lines(LoadProblems(err), dir)
	if len(got) != 3 || !strings.HasPrefix(got[2], "2.toml:1:") || !strings.Contains(got[2], "not valid TOML") {
		t.Fatalf("problems: %q", got)
	}
	if diff := cmp.Diff(want, got[:2]); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	failed := err.(*policy.LoadError)
	if len(failed.Sound.Rules) != 1 || failed.Sound.Rules[0].Name != "r" {
		t.Errorf("sound rules: %v", failed.Sound.Rules)
	}
}

func TestUnproven(t *testing.T) {
	p, _, err := load(t, oneRule+`"net.ipv4.tcp_ecn" = 1
"net.ipv4.tcp_rmem" = { override = { min = 1, max = 2 } }
"kernel.domainname" = { value = "a", override = { pattern = "." } }
`)
	if err != nil {
		t.Fatal(err)
	}
	if got := Unproven(p); !strings.Contains(got, "3 sysctls") || !strings.Contains(got, "4 values") {
		t.Error(got)
	}
}
