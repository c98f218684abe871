package policy

import (
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// texts are TOML documents; whether they are valid is go-toml's to say.
var texts = []string{
	"", "\n", "# comment", "a = 1", "a = 1 # comment", "a=1\r\nb=2\r\n", "\ufeffa = 1", "a = 1\x00", "a = \"\xff\"",
	"a", "a =", "= 1", "a = 1 b = 2", "a = 1\na = 2", "a = 1\n\"a\" = 2", "a = 1\n'a' = 2", "a = 1\n\"\\u0061\" = 2",
	"a.b = 1\na.c = 2", "a.b = 1\na.b = 2", "a = 1\na.b = 2", "a.b = 1\na = 2", "a.b.c = 1\na.b = 2", "a.b = 1\na.b.c = 2",
	"a . b = 1\na.c = 1", "\"a.b\" = 1\na.b = 2", "a.\"b.c\".d = 1", "\"\" = 1", "\"\".\"\" = 1\n''.'' = 2",
	// headers
	"[a]", "[a]\n[a]", "[a]\n[b]\n[a]", "[a.b]\n[a]", "[a]\n[a.b]", "[a.b]\n[a]\n[a]", "[a.b]\n[a.b]", "[a.b.c]\n[a.b]\n[a]\n[a.b.d]",
	"[]", "[a", "[a]]", "[a]b=1", "[a.]", "[.a]", "[ a . b ]", "[\"a\".'b']\n[a.b]", "[a]\nb=1\n[a.b]", "[a.b]\n[a]\nb=1",
	"a = 1\n[a]", "[a]\nb = 1\n[a.b.c]", "a = {}\n[a]", "a = {}\n[a.b]", "a = {}\na.b = 1", "a = []\n[a]", "a = []\n[[a]]", "a = [{}]\n[a.b]",
	"a = [{}]\n[[a]]", "a = [{}]\n[[a.b]]",
	// arrays of tables
	"[[a]]", "[[a]]\n[[a]]", "[[a]]\n[a]", "[a]\n[[a]]", "[[a]]\n[a.b]\n[a.b]", "[[a]]\n[a.b]\n[[a]]\n[a.b]", "[[a.b]]\n[a]", "[a]\n[[a.b]]",
	"[[a.b]]\n[[a]]", "[a.b]\n[[a]]", "[[a]]\n[[a.b]]\n[[a.b]]\n[[a]]\n[[a.b]]", "[[a]]\n[a.b]\n[[a.b]]", "[[a]]\n[[a.b]]\n[a.b]", "[[a]]\nb=1\n[[a.b]]",
	"[[a]]\nb.c=1\n[a.b]", "[[a]]\nb.c=1\n[a.b.d]", "[[a]]\n[a.b.c]\n[a.b]", "[[a] ]", "[ [a]]", "[[a]", "[[]]", "[[a.b]]\n[a.c]\n[a]", "[[a]]\na.b=1",
	"[[a]]\n[a.b]\nc=1\n[[a]]\nb=1", "[[a]]\n[a]\nb=1",
	// dotted keys and headers
	"a.b = 1\n[a]", "a.b = 1\n[a.b]", "a.b = 1\n[a.c]", "a.b = 1\n[[a]]", "a.b = 1\n[[a.c]]", "a.b.c = 1\n[a.b]", "a.b.c = 1\n[a.b.d]",
	"[a]\nb.c = 1\n[a.b]", "[a]\nb.c = 1\n[a.b.d]", "[a]\nb.c = 1\n[[a.b]]", "[a.b.c]\nz=9\n[a]\nb.c.t=9", "[a.b.c]\nz=9\n[a]\nb.t=9",
	"[a.b]\n[a]\nb.c=1", "[a]\n[a.b]\n[c]\na.b=1", "[a]\nb.c=1\nb.d=2", "[a]\nb.c=1\n[a.d]\nb.c=1", "[a.b.c.d]\n[a]\nb.c.d.k=1", "[a]\nb.c.d=1\nb.e=1\n[a.b.f]\n[a.b.c.g]",
	"[[a.b]]\n[a]\nb.y=2", "[a]\nb.c=1\n[a.b.c.d]", "[a.b]\nc.d=1\n[a]\nb.e=1", "x.y.z=1\n[x.y.w]\n[x.y.w.v]\n[x.v]\n[x]",
	// inline tables
	"a = {b = 1}", "a = {b = 1, b = 2}", "a = {b.c = 1, b.d = 2}", "a = {b = 1, b.c = 2}", "a = {b.c = 1, b = 2}", "a = {b = {c = 1}, b.d = 2}",
	"a = {b.c = {d = 1}, b.c.e = 2}", "a = {b = [1, 2], b = 3}", "a = {b = 1,}", "a = {,}", "a = {b = 1\n}", "a = {\nb = 1 }", "a = {b = 1", "a = {b}", "a = {}",
	"a = {b = {}}\n[a.b]", "a = {b = {}}\na.b.c = 1", "a = {b.c = 1}\n[a.b]", "a = {b.c = 1}\na.b.d = 1", "a = [{b = 1, b = 2}]", "a = [{b.c=1,b.c.d=2}]", "a.b = {c=1}\na.b.d = 2",
	"a.b = {c=1}\n[a.b.d]", "a.b = {c=1}\n[a.d]", "a = { \"b\" = 1, 'b' = 2 }",
	// values
	"a = 01", "a = +01", "a = -01", "a = 00", "a = -0", "a = +0", "a = 1_000", "a = 1__0", "a = _1", "a = 1_", "a = 0x1F", "a = 0X1F", "a = 0x", "a = 0x_1", "a = -0x1", "a = 0o17",
	"a = 0o8", "a = 0b101", "a = 0b2", "a = 9223372036854775807", "a = 1.5", "a = 1.", "a = .5", "a = 1e5", "a = 1e", "a = 1.e5", "a = 01.5", "a = 1_0.5_0", "a = 1._5", "a = inf", "a = -inf",
	"a = +nan", "a = NaN", "a = Inf", "a = 1e1_0", "a = 1e_1", "a = 0e0", "a = 00.5", "a = 1.5.5", "a = true", "a = True", "a = tru", "a = truex", "a = false",
	"a = 2026-01-01", "a = 2026-13-01", "a = 2026-02-30", "a = 2026-01-01T10:00:00Z", "a = 2026-01-01T25:00:00Z", "a = 10:00:00", "a = 10:00", "a = 24:00:00", "a = 2026-01-01 10:00:00+01:00",
	"a = 2026-01-01T10:00:00+25:00", "a = 2026-1-1", "a = 10:00:00.5", "a = 10:00:60", "a = 2026-01-01T", "a = 0000-00-00", "a = 2026-01-01T10:00:00.123456789123Z",
	"a = \"x\"", "a = 'x'", "a = \"x", "a = 'x", "a = \"\\q\"", "a = \"\\x41\"", "a = \"\\u00e9\"", "a = \"\\ud800\"", "a = \"\\U0010FFFF\"", "a = \"\\U00110000\"", "a = \"x\ny\"",
	"a = \"\"\"x\ny\"\"\"", "a = '''x\ny'''", "a = \"\"\"x", "a = \"\"\"\\\n  x\"\"\"", "a = \"\"\"\"x\"\"\"\"", "a = '''''x'''''", "a = \"\x01\"", "a = \"\t\"", "a = \"\\e\"", "a = \"\x7f\"",
	"a = []", "a = [1, 2]", "a = [1, 2,]", "a = [,]", "a = [1 2]", "a = [1,, 2]", "a = [\n1, # x\n2\n]", "a = [1, \"x\", [2], {b = 3}]", "a = [1", "a = [[1], [2]]", "a = 1]",
	"a = x", "a = \"\"\"\"\"\"", "a\n= 1", "a = \n1", "\ta\t=\t1\t", "a.\nb = 1", "é = 1", "a-b_1 = 1", "a b = 1", "\"a\nb\" = 1", "\"\"\"a\"\"\" = 1", "a#b = 1", "# \x01", "# \x7f", "# \xff",
}

// The project puts go-toml's expressions together by itself: it must accept what
// go-toml's own decoder accepts, and nothing else, and read the same from it.
func TestParseReadsWhatUnmarshalDoes(t *testing.T) {
	for _, text := range texts {
		compareWithUnmarshal(t, []byte(text))
	}
}

func compareWithUnmarshal(t *testing.T, data []byte) {
	t.Helper()
	root, err := parse(data)
	want := map[string]any{}
	wantErr := toml.Unmarshal(data, &want)
	switch {
	case err != nil && wantErr != nil, err == nil && wantErr != nil && leftAsText(root):
	case err != nil || wantErr != nil:
		t.Errorf("%q: %v; go-toml: %v", data, err, wantErr)
	default:
		if diff := cmp.Diff(plain(want), root.plain()); diff != "" {
			t.Errorf("%q: -go-toml +got:\n%s", data, diff)
		}
	}
}

// leftAsText reports whether there is a value that parse leaves as written and
// that go-toml may refuse: a time of no clock, an integer that does not fit. The
// reader refuses all of them.
func leftAsText(i *item) bool {
	switch i.kind {
	case unstable.Table, unstable.Array:
		return slices.ContainsFunc(i.items, leftAsText)
	case unstable.Integer:
		_, err := strconv.ParseInt(i.text, 0, 64)
		return err != nil
	}
	return other(i.kind)
}

// other reports whether the kind is none that a policy can hold.
func other(kind unstable.Kind) bool {
	return !slices.Contains([]unstable.Kind{unstable.String, unstable.Bool, unstable.Integer, unstable.Table, unstable.Array}, kind)
}

type otherValue struct{}

// plain is the item as Unmarshal would give it.
func (i *item) plain() any {
	switch i.kind {
	case unstable.Table:
		table := map[string]any{}
		for _, member := range i.items {
			table[member.name] = member.plain()
		}
		return table
	case unstable.Array:
		array := []any{}
		for _, element := range i.items {
			array = append(array, element.plain())
		}
		return array
	case unstable.Integer:
		n, _ := strconv.ParseInt(i.text, 0, 64)
		return n
	case unstable.Bool:
		return i.text == "true"
	case unstable.String:
		return i.text
	}
	return otherValue{}
}

// plain is what Unmarshal gave, without what a policy can't hold.
func plain(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for name, member := range value {
			value[name] = plain(member)
		}
	case []any:
		for n, element := range value {
			value[n] = plain(element)
		}
	case int64, bool, string:
	default:
		return otherValue{}
	}
	return value
}
