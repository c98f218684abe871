package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/golden"
)

// openTerminal returns both ends of a terminal of the width.
func openTerminal(t *testing.T, width uint16) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = master.Close() })
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: width}); err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = slave.Close() })
	return master, slave
}

// onTerminal returns what a terminal of the width is given to show.
func onTerminal(t *testing.T, width uint16, write func(*os.File) error) string {
	t.Helper()
	master, slave := openTerminal(t, width)
	shown := make(chan string)
	go func() {
		var all bytes.Buffer
		buf := make([]byte, 4096)
		for {
			n, err := master.Read(buf)
			all.Write(buf[:n])
			if err != nil { // EIO once the other end is closed
				shown <- strings.ReplaceAll(all.String(), "\r\n", "\n")
				return
			}
		}
	}()
	if err := write(slave); err != nil {
		t.Error(err)
	}
	_ = slave.Close()
	return <-shown
}

var colours = regexp.MustCompile("\x1b\\[[0-9]+m")

func TestTerminal(t *testing.T) {
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "xterm")
	report := sampleAudit(t)
	table := func(f *os.File) error { return report.writeTable(f, false) }
	for _, width := range []uint16{40, 60, 80, 100, 140, 300} {
		golden.Check(t, fmt.Sprintf("terminal-%d", width), fits(t, width, table))
	}
	for name, value := range map[string]string{"NO_COLOR": "1", "TERM": "dumb"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, value)
			if shown := onTerminal(t, 80, table); strings.Contains(shown, "\x1b") {
				t.Error("there is colour")
			}
		})
	}
	if shown := onTerminal(t, 0, table); !colours.MatchString(shown) || !strings.Contains(shown, "net.ipv4.tcp") {
		t.Error("a terminal without a width is shown nothing")
	}
}

// fits returns what a terminal shows without its colours, if there are any and
// no line is too long for it.
func fits(t *testing.T, width uint16, write func(*os.File) error) string {
	t.Helper()
	shown := onTerminal(t, width, write)
	if !colours.MatchString(shown) {
		t.Errorf("%d columns: no colour", width)
	}
	text := colours.ReplaceAllString(shown, "")
	if strings.Contains(text, "\x1b") {
		t.Errorf("%d columns: more than colours is sent to the terminal", width)
	}
	for line := range strings.Lines(text) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > int(width) {
			t.Errorf("%d columns: a line of %d: %s", width, n, line)
		}
	}
	return text
}

func TestPlanFitsTerminal(t *testing.T) {
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "xterm")
	text := func(s string) *string { return &s }
	report := &planReport{Bundle: "/run/containers/storage/overlay-containers/0123456789abcdef/userdata", Decisions: []decision{
		{Key: "net.ipv4.tcp_congestion_control", Verdict: "undecided", Value: text("bbr-with-a-long-name"), Now: text("cubic"),
			Door: "linux.sysctl", Ask: text("reno"), Reason: "a reason", Rule: &rule{Name: "keepalive", File: "/etc/x.toml", Line: 4}},
		{Key: "net.ipv4.tcp_rmem", Verdict: "set", Value: text("4096 131072 6291456"), Now: text("4096 131072 6291456")},
	}}
	for width := uint16(40); width <= 120; width++ {
		fits(t, width, func(f *os.File) error { return report.writeTable(f) })
	}
}

func TestNoTerminal(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if got := terminalOf(file); got != (terminal{}) {
		t.Errorf("a file: %+v", got)
	}
	if got := terminalOf(&bytes.Buffer{}); got != (terminal{}) {
		t.Errorf("a buffer: %+v", got)
	}
}

func TestWrap(t *testing.T) {
	for _, test := range []struct {
		text  string
		width int
		want  []string
	}{
		{"", 5, []string{""}},
		{"abc", 0, []string{"abc"}},
		{"abc", 3, []string{"abc"}},
		{"abcd", 3, []string{"abc", "d"}},
		{"ab cd", 3, []string{"ab", "cd"}},
		{"abc de", 3, []string{"abc", "de"}},
		{"a bc de", 4, []string{"a bc", "de"}},
		{" abcd", 3, []string{" ab", "cd"}},
		{"  abcd", 3, []string{"  a", "bcd"}},
		{"äöü äöü", 3, []string{"äöü", "äöü"}},
	} {
		if diff := cmp.Diff(test.want, wrap(test.text, test.width)); diff != "" {
			t.Errorf("%q in %d (-want +got):\n%s", test.text, test.width, diff)
		}
	}
}

// failing is a full disk.
type failing struct{}

var errFull = errors.New("no space left")

func (failing) Write([]byte) (int, error) { return 0, errFull }

// An output that can't be written is no success.
func TestFullDisk(t *testing.T) {
	report := sampleAudit(t)
	check := &checkReport{}
	for name, err := range map[string]error{
		"table":       report.writeTable(failing{}, false),
		"json":        writeJSON(failing{}, report),
		"prom":        report.writeMetrics(failing{}),
		"check":       check.write(failing{}, "table"),
		"check, prom": check.write(failing{}, "prom"),
		"plan":        (&planReport{}).writeTable(failing{}),
		"plan, prom":  (&planReport{}).writeMetrics(failing{}),
	} {
		if status, shown := exitStatus(err); status != exitSystem || !errors.Is(shown, errFull) {
			t.Errorf("%s: exit %d, %v", name, status, shown)
		}
	}
}
