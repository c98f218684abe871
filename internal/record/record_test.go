package record

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"
)

func TestNewRefuses(t *testing.T) {
	for _, test := range []struct {
		options Options
		want    string // of the error; empty for none
	}{
		{Options{"syslog", "text", "info"}, ""},
		{Options{"stderr", "json", "debug"}, ""},
		{Options{"none", "text", "error"}, ""},
		{Options{"file:/x", "text", "warning"}, ""},
		{Options{"none", "text", "warn"}, ""},
		{Options{"none", "text", "INFO"}, ""},
		{Options{"cloud", "text", "info"}, `--log "cloud": not one of syslog, stderr, none or file:PATH`},
		{Options{"", "text", "info"}, `--log "": not one of syslog, stderr, none or file:PATH`},
		{Options{"/var/log/x", "text", "info"}, `--log "/var/log/x": not one of syslog, stderr, none or file:PATH`},
		{Options{"file:", "text", "info"}, `--log "file:": the path is not absolute`},
		{Options{"file:x", "text", "info"}, `--log "file:x": the path is not absolute`},
		{Options{"none", "xml", "info"}, `--log-format "xml": not one of text or json`},
		{Options{"none", "", "info"}, `--log-format "": not one of text or json`},
		{Options{"none", "text", "loud"}, `--log-level "loud": not a level: error, warning, info or debug`},
		{Options{"none", "text", ""}, `--log-level "": not a level: error, warning, info or debug`},
	} {
		log, err := New(test.options)
		if test.want == "" && (err != nil || log == nil) || test.want != "" && (err == nil || err.Error() != test.want) {
			t.Errorf("%+v: %v, want %q", test.options, err, test.want)
		}
	}
}

// New only looks at the options: a hook that prints its usage leaves no trace.
func TestNewOpensNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if _, err := New(Options{"file:" + path, "text", "info"}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("%s is there: %v", path, err)
	}
}

// write writes one record into a new file and returns what is there.
func write(t *testing.T, format, least string, level logrus.Level, message string, fields logrus.Fields) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	log, err := New(Options{"file:" + path, format, least})
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Write(level, message, fields); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(text)
}

// hostile is a text that would break a line, or a terminal.
const hostile = "a\nb\x1b[31m\"é\xff"

func TestTextFormat(t *testing.T) {
	got := write(t, "text", "info", logrus.WarnLevel, "refused", logrus.Fields{"id": hostile, "set": []string{"a: 1 -> 2"}, "netns": uint64(7)})
	want := regexp.MustCompile(`\Atime="\d{4}-\d\d-\d\dT[0-9:.]+Z" level=warning msg=refused id="a\\nb\\x1b\[31m\\"é\\xff" netns=7 set="\[a: 1 -> 2\]"\n\z`)
	if !want.MatchString(got) {
		t.Errorf("%q does not match %s", got, want)
	}
}

func TestJSONFormat(t *testing.T) {
	before := time.Now()
	line := write(t, "json", "info", logrus.InfoLevel, "sysctls applied", logrus.Fields{"id": hostile, "set": []string{"a: 1 -> 2"}, "netns": uint64(1) << 53})
	if strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, "}\n") || strings.Contains(line, "\x1b") {
		t.Errorf("not one line: %q", line)
	}
	var got map[string]any
	decoder := json.NewDecoder(strings.NewReader(line))
	decoder.UseNumber()
	if err := decoder.Decode(&got); err != nil {
		t.Fatal(err)
	}
	at, err := time.Parse(time.RFC3339Nano, got["time"].(string))
	if err != nil || at.Before(before.Add(-time.Second)) || at.After(time.Now().Add(time.Second)) || at.Location() != time.UTC {
		t.Errorf("time %v: %v", got["time"], err)
	}
	delete(got, "time")
	want := map[string]any{
		"level": "info", "msg": "sysctls applied", "netns": json.Number("9007199254740992"),
		"id": "a\nb\x1b[31m\"é\ufffd", "set": []any{"a: 1 -> 2"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestLevels(t *testing.T) {
	levels := []string{"error", "warning", "info", "debug"}
	for least, name := range levels {
		for level, of := range levels {
			parsed, err := logrus.ParseLevel(of)
			if err != nil {
				t.Fatal(err)
			}
			got := write(t, "text", name, parsed, "m", nil)
			if logged := got != ""; logged != (level <= least) {
				t.Errorf("--log-level %s, a record of level %s: logged is %t", name, of, logged)
			}
			if got != "" && !strings.Contains(got, "level="+of+" ") {
				t.Errorf("%s: %q", of, got)
			}
		}
	}
}

func TestNone(t *testing.T) {
	log, err := New(Options{"none", "text", "debug"})
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Write(logrus.ErrorLevel, "m", nil); err != nil {
		t.Error(err)
	}
}
