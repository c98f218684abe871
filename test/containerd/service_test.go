package containerd

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// service is the plugin as systemd runs it.
type service struct {
	cmd    *exec.Cmd
	log    string
	notify *net.UnixConn
}

// startService runs the plugin until it tells systemd that it is ready.
func (n *node) startService(t *testing.T, args ...string) *service {
	t.Helper()
	dir, err := os.MkdirTemp(n.dir, "")
	if err != nil {
		t.Fatal(err)
	}
	s := &service{log: filepath.Join(dir, "log")}
	s.listen(t, filepath.Join(dir, "notify"))
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	s.cmd = exec.Command(built(t, "oci-sysctl-nri"), append([]string{"--socket", n.dir + "/nri/nri.sock"}, args...)...)
	s.cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+s.notify.LocalAddr().String())
	s.cmd.Stderr = log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.stop(t) })
	s.ready(t)
	return s
}

func (s *service) listen(t *testing.T, path string) {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	s.notify = conn
}

// ready waits until the plugin says that containerd has it.
func (s *service) ready(t *testing.T) {
	t.Helper()
	if err := s.notify.SetReadDeadline(time.Now().Add(15 * time.Second)); err != nil {
		t.Fatal(err)
	}
	said := make([]byte, 64)
	size, err := s.notify.Read(said)
	if err != nil {
		t.Fatalf("the plugin is not ready: %v; its log:\n%s", err, s.logged(t))
	}
	if got := string(said[:size]); got != "READY=1" {
		t.Fatalf("the plugin told systemd %q, want READY=1", got)
	}
}

// stop ends the plugin as systemd does. It must not take that for a failure.
func (s *service) stop(t *testing.T) {
	t.Helper()
	if s.cmd.ProcessState != nil {
		return
	}
	if err := s.cmd.Process.Signal(unix.SIGTERM); err != nil {
		t.Error(err)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("the plugin's end: %v; its log:\n%s", err, s.logged(t))
	}
	s.notify.Close()
}

func (s *service) logged(t *testing.T) string {
	t.Helper()
	log, err := os.ReadFile(s.log)
	if err != nil {
		t.Error(err)
	}
	return strings.TrimSpace(string(log))
}

func (s *service) signal(t *testing.T, signal os.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}
