package spec

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/fdio"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/golden"
)

const goodState = `{"ociVersion":"1.0.2","id":"c1","status":"creating","pid":42,"bundle":"/b","annotations":{"a":"1"}}`

func TestDecodeState(t *testing.T) {
	bare := &specs.State{ID: "c1", Pid: 42, Bundle: "/b"}
	for name, test := range map[string]struct {
		text string
		want *specs.State
	}{
		"whole": {goodState, &specs.State{ID: "c1", Pid: 42, Bundle: "/b", Annotations: map[string]string{"a": "1"}}},
		"crun": {
			`{"ociVersion":"1.0","id":"c1","pid":42,"root":"/r","bundle":"/b","status":"created"}` + "\n",
			bare,
		},
		"white space around":  {" \r\n\t{\"id\":\"c1\" ,\"pid\": 42,\n\"bundle\":\"/b\"} \n", bare},
		"null annotations":    {`{"id":"c1","pid":42,"bundle":"/b","annotations":null}`, bare},
		"unknown members":     {`{"x":{"pid":[1,null]},"id":"c1","pid":42,"bundle":"/b","y":1e9}`, bare},
		"other letters' case": {`{"PID":1,"Bundle":"x","id":"c1","pid":42,"bundle":"/b"}`, bare},
		"escapes":             {`{"id":"c\u0031","\u0070id":42,"bundle":"\/b"}`, bare},
		"no id":               {`{"pid":42,"bundle":"/b"}`, &specs.State{Pid: 42, Bundle: "/b"}},
		"bundle is the root":  {`{"pid":42,"bundle":"/"}`, &specs.State{Pid: 42, Bundle: "/"}},
		"largest pid":         {`{"pid":4194304,"bundle":"/"}`, &specs.State{Pid: 1 << 22, Bundle: "/"}},
	} {
		got, err := decodeState(strings.NewReader(test.text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		// Whether annotations are absent or empty is all one here.
		if got != nil && len(got.Annotations) == 0 {
			got.Annotations = nil
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

// with is goodState with another text for a part of it.
func with(old, new string) string { return strings.Replace(goodState, old, new, 1) }

var badStates = map[string]string{
	"empty":                   "",
	"white space":             " \n\t",
	"truncated":               goodState[:len(goodState)-1],
	"truncated in a name":     goodState[:5],
	"truncated in a number":   `{"pid":4`,
	"binary":                  "\x7fELF\x02\x01\x01\x00",
	"not UTF-8":               with("c1", "\xff\xfe"),
	"half a surrogate":        with("c1", `\ud800`),
	"BOM":                     "\ufeff" + goodState,
	"UTF-16":                  "{\x00\"\x00p\x00i\x00d\x00",
	"YAML":                    "pid: 42\n",
	"array":                   "[" + goodState + "]",
	"null":                    "null",
	"string":                  `"state"`,
	"number":                  "42",
	"garbage after":           goodState + "x",
	"brace after":             goodState + "}",
	"NUL after":               goodState + "\x00",
	"second state":            goodState + "\n" + goodState,
	"comment":                 goodState + "// x",
	"comma at the end":        with(`"1"}}`, `"1"},}`),
	"single quotes":           with(`"id"`, `'id'`),
	"duplicate pid":           with(`"pid":42`, `"pid":42,"pid":1`),
	"duplicate unknown":       with(`"id"`, `"x":1,"x":1,"id"`),
	"duplicate annotation":    with(`"a":"1"`, `"a":"1","a":"1"`),
	"duplicate by escape":     with(`"pid":42`, `"pid":42,"p\u0069d":1`),
	"no pid":                  with(`"pid":42,`, ``),
	"pid 0":                   with("42", "0"),
	"pid -0":                  with("42", "-0"),
	"pid -1":                  with("42", "-1"),
	"pid above the kernel's":  with("42", "4194305"),
	"pid beyond 64 bits":      with("42", "92233720368547758080"),
	"pid fraction":            with("42", "42.5"),
	"pid whole fraction":      with("42", "42.0"),
	"pid exponent":            with("42", "42e0"),
	"pid leading zero":        with("42", "042"),
	"pid plus":                with("42", "+42"),
	"pid NaN":                 with("42", "NaN"),
	"pid string":              with("42", `"42"`),
	"pid null":                with("42", "null"),
	"pid true":                with("42", "true"),
	"pid array":               with("42", "[42]"),
	"no bundle":               with(`"bundle":"/b",`, ``),
	"bundle empty":            with(`"/b"`, `""`),
	"bundle relative":         with(`"/b"`, `"b"`),
	"bundle dotted":           with(`"/b"`, `"./b"`),
	"bundle null":             with(`"/b"`, `null`),
	"bundle number":           with(`"/b"`, `7`),
	"bundle of control bytes": with(`"/b"`, `"b\n\u001b[31m"`),
	"id number":               with(`"c1"`, `1`),
	"id null":                 with(`"c1"`, `null`),
	"annotations array":       with(`{"a":"1"}`, `[]`),
	"annotations string":      with(`{"a":"1"}`, `"a"`),
	"annotation number":       with(`"1"`, `1`),
	"annotation null":         with(`"1"`, `null`),
	"annotation object":       with(`"1"`, `{}`),
	"annotation hostile name": with(`"a":"1"`, `"a/b~\n\u001b[31m":1`),
	"annotation long name":    with(`"a":"1"`, `"`+strings.Repeat("x", 5000)+`":1`),
	"long name twice":         with(`"a":"1"`, `"`+strings.Repeat(`x\n`, 2000)+`":"1","`+strings.Repeat(`x\n`, 2000)+`":"1"`),
	"deep":                    with(`"1"`, strings.Repeat("[", 20000)),
}

func TestDecodeBadState(t *testing.T) {
	var text strings.Builder
	for _, name := range sortedNames(badStates) {
		got, err := decodeState(strings.NewReader(badStates[name]))
		if err == nil || got != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		checkOneLine(t, name, err)
		fmt.Fprintf(&text, "%s: %v\n", name, err)
	}
	golden.Check(t, "badstate", text.String())
}

func sortedNames(m map[string]string) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// checkOneLine: an error is all that a runtime shows, on a terminal perhaps.
func checkOneLine(t *testing.T, name string, err error) {
	t.Helper()
	if text := fmt.Sprint(err); len(text) > 300 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		t.Errorf("%s: not a short line: %.500q", name, text)
	}
}

func TestReadState(t *testing.T) {
	for name, test := range map[string]struct {
		content string
		want    string // of the error
	}{
		"good":             {goodState, ""},
		"at the limit":     {goodState + strings.Repeat(" ", MaxState-len(goodState)), ""},
		"beyond the limit": {goodState + strings.Repeat(" ", MaxState+1-len(goodState)), "state: longer than 1048576 bytes"},
		"a huge string":    {with(`"1"`, `"`+strings.Repeat("x", MaxState)+`"`), "state: longer than 1048576 bytes"},
		"empty":            {"", "state: empty"},
	} {
		path := filepath.Join(t.TempDir(), "state.json")
		if err := os.WriteFile(path, []byte(test.content), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ReadState(int(f.Fd()), time.Minute)
		if test.want == "" && (err != nil || got.Pid != 42) || test.want != "" && (err == nil || err.Error() != test.want) {
			t.Errorf("%s: %v, %v; want %s", name, got, err, test.want)
		}
		_ = f.Close()
	}
}

// A runtime that never closes its end must not hold up the container for ever.
func TestReadStateTimeout(t *testing.T) {
	for name, sent := range map[string]string{"nothing": "", "a part": goodState[:30], "all but the end": goodState} {
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := write.WriteString(sent); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, err = ReadState(int(read.Fd()), 30*time.Millisecond)
		const want = "state: stdin did not end within 30ms; this program is run by an OCI runtime, see --help"
		if took := time.Since(began); err == nil || err.Error() != want || took > time.Second {
			t.Errorf("%s: %v after %v, want %s", name, err, took, want)
		}
		_ = read.Close()
		_ = write.Close()
	}
}

func TestReadStateClosed(t *testing.T) {
	_, err := ReadState(1<<20, time.Minute)
	if err == nil || errors.Is(err, fdio.ErrTimeout) {
		t.Errorf("%v", err)
	}
	checkOneLine(t, "closed", err)
}
