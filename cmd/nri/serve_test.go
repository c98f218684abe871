package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/containerd/nri/pkg/api"
	"github.com/containerd/nri/pkg/net/multiplex"
	"github.com/containerd/nri/pkg/stub"
	"github.com/containerd/ttrpc"
)

// reconnect goes on until it is told to stop, and says each new reason once.
func TestReconnect(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	ends := []error{errors.New("first"), errors.New("first"), errors.New("second"), errClosed, errors.New("first")}
	var log bytes.Buffer
	calls := 0
	err := reconnect(ctx, newLogger(&log), func(connected func()) error {
		if calls == len(ends) {
			stop()
			return ctx.Err()
		}
		end := ends[calls]
		calls++
		if end == errClosed {
			connected()
		}
		return end
	})
	if err != nil || calls != len(ends) {
		t.Errorf("%d calls and error %v, want %d calls", calls, err, len(ends))
	}
	for reason, want := range map[string]int{"error=first": 2, "error=second": 1, errClosed.Error(): 1} {
		if got := strings.Count(log.String(), reason); got != want {
			t.Errorf("%q is logged %d times, want %d:\n%s", reason, got, want, log.String())
		}
	}
}

// A stub that hangs cannot be used again: the process has to end.
func TestReconnectEndsWhenStuck(t *testing.T) {
	err := reconnect(t.Context(), newLogger(io.Discard), func(func()) error { return errStuck })
	if !errors.Is(err, errStuck) {
		t.Errorf("error %v, want %v", err, errStuck)
	}
}

// A stop while there is no containerd is no failure.
func TestReconnectStops(t *testing.T) {
	ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	opts, err := parse([]string{"--hook", newHook(t).Path, "--socket", filepath.Join(t.TempDir(), "none.sock")})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	if err := serve(ctx, opts, newLogger(&log)); err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "none.sock: connect: no such file or directory") {
		t.Errorf("the log does not say why there is no connection: %s", log.String())
	}
}

// silent is a runtime that registers a plugin and never configures it.
type silent struct{ registered chan struct{} }

func (s silent) RegisterPlugin(context.Context, *api.RegisterPluginRequest) (*api.Empty, error) {
	close(s.registered)
	return &api.Empty{}, nil
}

func (silent) UpdateContainers(context.Context, *api.UpdateContainersRequest) (*api.UpdateContainersResponse, error) {
	return &api.UpdateContainersResponse{}, nil
}

func TestStartIsStuck(t *testing.T) {
	ours, theirs := net.Pipe()
	mux := multiplex.Multiplex(theirs)
	t.Cleanup(func() { mux.Close() })
	listener, err := mux.Listen(multiplex.RuntimeServiceConn)
	if err != nil {
		t.Fatal(err)
	}
	server, err := ttrpc.NewServer()
	if err != nil {
		t.Fatal(err)
	}
	runtime := silent{registered: make(chan struct{})}
	api.RegisterRuntimeService(server, runtime)
	go server.Serve(t.Context(), listener) //nolint:errcheck // it ends with the connection

	s, err := stub.New(&plugin{hook: newHook(t), log: newLogger(io.Discard)},
		stub.WithConnection(ours), stub.WithPluginName("p"), stub.WithPluginIdx("00"), stub.WithLogger(stubLog{newLogger(io.Discard)}))
	if err != nil {
		t.Fatal(err)
	}
	if err := start(t.Context(), s, 500*time.Millisecond); !errors.Is(err, errStuck) {
		t.Errorf("error %v, want %v", err, errStuck)
	}
	select {
	case <-runtime.registered:
	default:
		t.Error("the plugin did not even register")
	}
}
