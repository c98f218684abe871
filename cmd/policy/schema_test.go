package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/policy"
)

func schema(t *testing.T, path string) *jsonschema.Schema {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft7)
	s, err := compiler.Compile(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// validateTOML validates a policy as an editor does: as the JSON that the TOML
// stands for.
func validateTOML(s *jsonschema.Schema, text string) error {
	var document map[string]any
	if err := toml.Unmarshal([]byte(text), &document); err != nil {
		return err
	}
	data, err := json.Marshal(document)
	if err != nil {
		return err
	}
	return validateJSON(s, data)
}

func validateJSON(s *jsonschema.Schema, data []byte) error {
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(data)))
	if err != nil {
		return err
	}
	return s.Validate(value)
}

// loadText loads a policy as the hook does.
func loadText(t *testing.T, text string) error {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "10-test.toml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := policy.Load([]string{dir})
	return err
}

// examples are the policies in a text, whatever they stand in: each begins with
// a [[rule]] and goes as far as the lines are indented as that is.
func examples(text string) (all []string) {
	const rule = "[[rule]]"
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		if strings.TrimSpace(lines[i]) != rule {
			continue
		}
		indent := strings.TrimSuffix(strings.TrimRight(lines[i], " "), rule)
		var example strings.Builder
		for ; i < len(lines) && within(lines[i], indent); i++ {
			example.WriteString(strings.TrimPrefix(lines[i], indent) + "\n")
		}
		all = append(all, example.String())
	}
	return all
}

func within(line, indent string) bool {
	text := strings.TrimSpace(line)
	return text == "" || (strings.HasPrefix(line, indent) && text != "EOF" && !strings.HasPrefix(text, "```"))
}

func TestSchemaTakesExamples(t *testing.T) {
	s := schema(t, "../../docs/policy.schema.json")
	found := map[string]int{}
	root := filepath.Clean("../..")
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		name := entry.Name()
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "bin" || name == "dist" || name == "testdata"):
			return filepath.SkipDir
		}
		switch filepath.Ext(name) {
		case ".md", ".toml", ".yaml", ".yml":
		default:
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, example := range examples(string(data)) {
			found[filepath.Dir(path)]++
			if err := validateTOML(s, example); err != nil {
				t.Errorf("%s: the schema refuses an example: %v\n%s", path, err, example)
			}
			if err := loadText(t, example); err != nil {
				t.Errorf("%s: an example can't be loaded: %v\n%s", path, err, example)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{root, filepath.Join(root, "policy.d"), filepath.Join(root, "docs/man")} {
		if found[dir] == 0 {
			t.Errorf("no example in %s", dir)
		}
	}
}

// in is a policy with one line among the sysctls.
func in(line string) string { return "[[rule]]\n[rule.sysctls]\n" + line + "\n" }

func TestSchemaAgreesWithHook(t *testing.T) {
	s := schema(t, "../../docs/policy.schema.json")
	for name, test := range map[string]struct {
		text string
		good bool
	}{
		"nothing":                {"# nothing\n", true},
		"integer":                {in(`"net.ipv4.tcp_ecn" = 1`), true},
		"negative":               {in(`"net.ipv4.tcp_ecn" = -1`), true},
		"boolean":                {in(`"net.ipv4.tcp_ecn" = true`), true},
		"string":                 {in(`"net.ipv4.tcp_rmem" = "1 2\t3"`), true},
		"array":                  {in(`"net.ipv4.tcp_rmem" = [1, "2", true]`), true},
		"slashes":                {in(`"net/ipv4/conf/eth0.100/rp_filter" = 1`), true},
		"dots and a slash":       {in(`"net.ipv4.conf.eth0/100.rp_filter" = 1`), true},
		"asterisk":               {in(`"net.ipv4.conf.*.rp_filter" = 1`), true},
		"asterisk after a slash": {in(`"net/ipv4/conf/*/rp_filter" = 1`), true},
		"ipc":                    {in(`"kernel.shmmax" = 1`), true},
		"mqueue":                 {in(`"fs.mqueue.queues_max" = 1`), true},
		"uts":                    {in(`"kernel/domainname" = "a"`), true},
		"everything": {`
[[rule]]
name = "all"
when = { pod_namespaces = ["a"], containers = ["b"], annotations = { "^c$" = "d" } }
on_refusal = "warn"
[rule.sysctls]
"net.a" = { value = 1, override = "none", optional = true }
"net.b" = { value = 1, override = "config" }
"net.c" = { override = "any" }
"net.d" = { override = { min = 1 } }
"net.e" = { override = { min = 1, max = 2 } }
"net.f" = { override = { values = ["a", 1, [1, 2]] } }
"net.g" = { override = { pattern = "a|b" } }
[[rule]]
sysctls = { "net.h" = 1 }
`, true},

		"another table":             {"[[rules]]\n[rules.sysctls]\n\"net.a\" = 1\n", false},
		"single brackets":           {"[rule]\n[rule.sysctls]\n\"net.a\" = 1\n", false},
		"no sysctls":                {"[[rule]]\nname = \"a\"\n", false},
		"empty sysctls":             {"[[rule]]\n[rule.sysctls]\n", false},
		"another field":             {"[[rule]]\nnames = \"a\"\nsysctls = { \"net.a\" = 1 }\n", false},
		"empty name":                {"[[rule]]\nname = \"\"\nsysctls = { \"net.a\" = 1 }\n", false},
		"name with a line break":    {"[[rule]]\nname = \"a\\nb\"\nsysctls = { \"net.a\" = 1 }\n", false},
		"name with an umlaut":       {"[[rule]]\nname = \"\u00e4\"\nsysctls = { \"net.a\" = 1 }\n", false},
		"another on_refusal":        {"[[rule]]\non_refusal = \"ignore\"\nsysctls = { \"net.a\" = 1 }\n", false},
		"another field of when":     {"[[rule]]\nwhen = { pods = [\"a\"] }\nsysctls = { \"net.a\" = 1 }\n", false},
		"empty globs":               {"[[rule]]\nwhen = { containers = [] }\nsysctls = { \"net.a\" = 1 }\n", false},
		"a glob alone":              {"[[rule]]\nwhen = { containers = \"a\" }\nsysctls = { \"net.a\" = 1 }\n", false},
		"a glob that is a number":   {"[[rule]]\nwhen = { containers = [1] }\nsysctls = { \"net.a\" = 1 }\n", false},
		"empty annotations":         {"[[rule]]\nwhen = { annotations = {} }\nsysctls = { \"net.a\" = 1 }\n", false},
		"an annotation of a number": {"[[rule]]\nwhen = { annotations = { a = 1 } }\nsysctls = { \"net.a\" = 1 }\n", false},

		"key without quotes":     {in(`net.ipv4.tcp_ecn = 1`), false},
		"key of the host":        {in(`"vm.swappiness" = 1`), false},
		"kernel key of the host": {in(`"kernel.pid_max" = 1`), false},
		"kernel pattern":         {in(`"kernel.*" = 1`), false},
		"host name":              {in(`"kernel.hostname" = "a"`), false},
		"fs key of the host":     {in(`"fs.file-max" = 1`), false},
		"user key":               {in(`"user.max_net_namespaces" = 1`), false},
		"everything's pattern":   {in(`"*.ipv4.tcp_ecn" = 1`), false},
		"half an asterisk":       {in(`"net.ipv4.tcp_*" = 1`), false},
		"two asterisks":          {in(`"net.ipv4.**.a" = 1`), false},
		"empty component":        {in(`"net..tcp_ecn" = 1`), false},
		"component at the end":   {in(`"net.ipv4." = 1`), false},
		"way up":                 {in(`"net/../vm/swappiness" = 1`), false},
		"way up with dots":       {in(`"net.//.vm" = 1`), false},
		"no way":                 {in(`"net/./ipv4" = 1`), false},
		"a blank":                {in(`"net.ipv4. tcp" = 1`), false},
		"a long key":             {in(`"net.` + strings.Repeat("a", 300) + `" = 1`), false},

		"float":                     {in(`"net.a" = 1.5`), false},
		"array of arrays":           {in(`"net.a" = [[1]]`), false},
		"value with an umlaut":      {in(`"net.a" = "` + "\u00e4" + `"`), false},
		"long value":                {in(`"net.a" = "` + strings.Repeat("a", 5000) + `"`), false},
		"empty table":               {in(`"net.a" = {}`), false},
		"another field of a sysctl": {in(`"net.a" = { valu = 1 }`), false},
		"none without value":        {in(`"net.a" = { override = "none" }`), false},
		"config without value":      {in(`"net.a" = { override = "config" }`), false},
		"optional without value":    {in(`"net.a" = { optional = true }`), false},
		"optional as text":          {in(`"net.a" = { value = 1, optional = "yes" }`), false},
		"another override":          {in(`"net.a" = { value = 1, override = "all" }`), false},
		"override as number":        {in(`"net.a" = { value = 1, override = 1 }`), false},
		"empty bounds":              {in(`"net.a" = { value = 1, override = {} }`), false},
		"another bound":             {in(`"net.a" = { value = 1, override = { least = 1 } }`), false},
		"two kinds of bounds":       {in(`"net.a" = { value = 1, override = { min = 1, values = [1] } }`), false},
		"three kinds of bounds":     {in(`"net.a" = { value = 1, override = { pattern = "1", values = [1] } }`), false},
		"minimum as text":           {in(`"net.a" = { value = 1, override = { min = "1" } }`), false},
		"no choice":                 {in(`"net.a" = { value = 1, override = { values = [] } }`), false},
		"a choice alone":            {in(`"net.a" = { value = 1, override = { values = 1 } }`), false},
		"pattern as number":         {in(`"net.a" = { value = 1, override = { pattern = 1 } }`), false},
	} {
		t.Run(name, func(t *testing.T) {
			if err := validateTOML(s, test.text); (err == nil) != test.good {
				t.Errorf("the schema: %v; good: %t", err, test.good)
			}
			if err := loadText(t, test.text); (err == nil) != test.good {
				t.Errorf("the hook: %v; good: %t", err, test.good)
			}
		})
	}
}
