package test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// logPatience is what a log target may cost a container, as the man page says.
const logPatience = 100 * time.Millisecond

// busyMargin is what a busy machine may add to the fastest of several runs.
const busyMargin = 100 * time.Millisecond

// podAnnotations are what containerd says of a pod.
var podAnnotations = map[string]string{
	"io.kubernetes.cri.sandbox-namespace": "payments",
	"io.kubernetes.cri.sandbox-name":      "till-0",
	"io.kubernetes.cri.container-name":    "app",
}

// records reads a log file of JSON objects.
func records(t *testing.T, path string) []map[string]any {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []map[string]any
	for d := json.NewDecoder(f); ; {
		var one map[string]any
		if err := d.Decode(&one); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all = append(all, one)
	}
}

// withMsg are the records with that message.
func withMsg(all []map[string]any, msg string) []map[string]any {
	return slices.DeleteFunc(slices.Clone(all), func(r map[string]any) bool { return r["msg"] != msg })
}

func TestRecordOfAppliedSysctls(t *testing.T) {
	g := newTarget(t)
	g.ns.set(t, keepaliveProbes, "6") // right already
	path := filepath.Join(t.TempDir(), "log")
	g.args = []string{"--log=file:" + path, "--log-format=json"}
	g.annotate(t, podAnnotations)
	g.wantApplied(t, g.run(t, g.stdin(t)))

	got := records(t, path)
	if len(got) != 1 {
		t.Fatalf("%d records, want 1: %v", len(got), got)
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(g.ns.file.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"level": "info", "msg": "sysctls applied", "id": "direct",
		"pod_namespace": "payments", "pod": "till-0", "container": "app",
		"netns": float64(st.Ino),
	}
	fixed := make(map[string]any)
	for field := range want {
		fixed[field] = got[0][field]
	}
	if diff := cmp.Diff(want, fixed); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	set := fmt.Sprint(got[0]["set"])
	for _, change := range []string{
		keepaliveTime + ": " + g.before[keepaliveTime] + " -> 600",
		keepaliveIntvl + ": " + g.before[keepaliveIntvl] + " -> 10",
	} {
		if !strings.Contains(set, change) {
			t.Errorf("set is %q, want %s in it", set, change)
		}
	}
	if strings.Contains(set, keepaliveProbes) {
		t.Errorf("set has a key that was right already: %q", set)
	}
	if left := fmt.Sprint(got[0]["left"]); !strings.Contains(left, keepaliveProbes) {
		t.Errorf("left is %q, want %s in it", left, keepaliveProbes)
	}
	if took, ok := got[0]["took_ms"].(float64); !ok || took < 0 || took > 10_000 {
		t.Errorf("took_ms is %v", got[0]["took_ms"])
	}
	if at, _ := got[0]["time"].(string); at == "" {
		t.Error("the record has no time")
	}
}

func TestRecordOfEachEnd(t *testing.T) {
	for msg, test := range map[string]struct {
		policy string
		level  string
		code   int
	}{
		"nothing to do": {"[[rule]]\nname = \"other\"\nwhen = { containers = [\"other\"] }\n[rule.sysctls]\n\"net.ipv4.tcp_keepalive_time\" = 600\n", "info", 0},
		"refused":       {keepalivePolicy, "error", 1},
		"failed":        {rule(`"net.ipv4.tcp_keepalive_probes" = 300`), "error", 4},
	} {
		t.Run(msg, func(t *testing.T) {
			g := newTarget(t)
			g.policy = policyDir(t, test.policy)
			path := filepath.Join(t.TempDir(), "log")
			g.args = []string{"--log=file:" + path, "--log-format=json"}
			if msg == "refused" {
				g.annotate(t, map[string]string{"oci-sysctl-hook/" + keepaliveTime: "900"})
			}
			if got := g.run(t, g.stdin(t)); got.code != test.code {
				t.Errorf("exit %d, want %d: %s", got.code, test.code, got.stderr)
			}
			got := withMsg(records(t, path), msg)
			if len(got) != 1 {
				t.Fatalf("%d records %q in %v, want 1", len(got), msg, records(t, path))
			}
			if got[0]["level"] != test.level || got[0]["id"] != "direct" {
				t.Errorf("record: %v", got[0])
			}
		})
	}
}

// The record of a second run goes after the first's.
func TestLogFileIsAppended(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	for range 2 {
		g := newTarget(t)
		g.args = []string{"--log=file:" + path, "--log-format=text"}
		g.wantApplied(t, g.run(t, g.stdin(t)))
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(content), "sysctls applied"); n != 2 {
		t.Errorf("%d records, want 2:\n%s", n, content)
	}
}

// No log target is worth a container.
func TestLogTargetIsNoGood(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"full device":         "/dev/full",
		"directory missing":   filepath.Join(dir, "missing", "log"),
		"a directory":         dir,
		"FIFO without reader": fifo,
	} {
		t.Run(name, func(t *testing.T) {
			wantInTime(t, 0, func(g *target) { g.args = []string{"--log=file:" + path} })
		})
	}
	t.Run("stuck FIFO", func(t *testing.T) {
		reader := openAndFill(t, fifo)
		defer reader.Close()
		wantInTime(t, 0, func(g *target) { g.args = []string{"--log=file:" + fifo} })
	})
}

// openAndFill opens a FIFO for reading, and writes until it takes no more.
func openAndFill(t *testing.T, fifo string) *os.File {
	t.Helper()
	f, err := os.OpenFile(fifo, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(make([]byte, 1<<20)); !os.IsTimeout(err) {
		t.Fatalf("the FIFO took it all: %v", err)
	}
	return f
}

// wantInTime fails the test if the log that the hook is given costs a container
// more than it may, or less than wait: then the log was not stuck. It compares
// the fastest of several runs with as many that have no log.
func wantInTime(t *testing.T, wait time.Duration, give func(*target)) {
	t.Helper()
	free := fastest(t, func(g *target) {
		give(g)
		g.args = []string{"--log=none"}
	})
	if took := fastest(t, give); took < wait || took > free+logPatience+busyMargin {
		t.Errorf("took %v, want %v at least, and at most %v more than the %v without a log", took, wait, logPatience+busyMargin, free)
	}
}

// fastest runs the hook for some targets, and allows it warnings about the log.
func fastest(t *testing.T, prepare func(*target)) time.Duration {
	t.Helper()
	least := hookTimeout
	for range 3 {
		g := newTarget(t)
		prepare(g)
		got := g.run(t, g.stdin(t))
		least = min(least, got.took)
		if got.stderr != "" {
			onlyWarnings(t, got.stderr, "the record could not be logged")
			got.stderr = ""
		}
		g.wantApplied(t, got)
	}
	return least
}

// listenSyslog makes a datagram socket like the system log's, and wraps the
// hook so that it finds it at /dev/log.
func listenSyslog(t *testing.T, g *target) *net.UnixConn {
	t.Helper()
	// t.TempDir is too long for the name of a socket.
	dir, err := os.MkdirTemp("", "log")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "log")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	const ownDev = `mount -t tmpfs tmpfs /dev && ln -s "$0" /dev/log && exec "$@"`
	g.wrap = []string{"unshare", "-m", "sh", "-c", ownDev, socket}
	return conn
}

func TestSyslog(t *testing.T) {
	g := newTarget(t)
	conn := listenSyslog(t, g)
	g.args = []string{"--log=syslog"}
	g.wantApplied(t, g.run(t, g.stdin(t)))
	// The hook has ended: the record is there.
	if err := conn.SetReadDeadline(time.Now().Add(busyMargin)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64<<10)
	n, err := conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	got := string(buf[:n])
	if !strings.HasPrefix(got, "<") {
		t.Errorf("no syslog priority: %q", got)
	}
	for _, word := range []string{"oci-sysctl-hook", "sysctls applied", "direct", keepaliveTime} {
		if !strings.Contains(got, word) {
			t.Errorf("no %q in %q", word, got)
		}
	}
}

func TestSyslogIsStuck(t *testing.T) {
	wantInTime(t, logPatience, func(g *target) {
		fillSocket(t, listenSyslog(t, g).LocalAddr().String())
		g.args = []string{"--log=syslog"}
	})
}

func TestSyslogIsMissing(t *testing.T) {
	wantInTime(t, 0, func(g *target) {
		g.wrap = []string{"unshare", "-m", "sh", "-c", `mount -t tmpfs tmpfs /dev && exec "$0" "$@"`}
		g.args = []string{"--log=syslog"}
	})
}

// fillSocket sends to a socket that nobody reads, until it takes no more.
func fillSocket(t *testing.T, socket string) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	to := &unix.SockaddrUnix{Name: socket}
	for range 1 << 16 {
		switch err := unix.Sendto(fd, []byte("full"), 0, to); err {
		case nil:
		case syscall.EAGAIN:
			return
		default:
			t.Fatal(err)
		}
	}
	t.Fatal("the socket is never full")
}

// Whatever the hook is told to log, the one line of an error is on stderr.
func TestErrorIsOnStderrWithEachLog(t *testing.T) {
	for _, log := range []string{"none", "stderr", "syslog"} {
		t.Run(log, func(t *testing.T) {
			g := newTarget(t)
			g.policy = policyDir(t, rule(`"net.ipv4.tcp_keepalive_probes" = 300`))
			g.args = []string{"--log=" + log}
			got := g.run(t, g.stdin(t))
			if got.code != 4 {
				t.Errorf("exit %d, want 4", got.code)
			}
			n := 0
			for line := range strings.Lines(got.stderr) {
				if strings.HasPrefix(line, "oci-sysctl-hook: ") {
					n++
				}
			}
			if n != 1 {
				t.Errorf("%d lines of the error, want 1:\n%s", n, got.stderr)
			}
		})
	}
}
