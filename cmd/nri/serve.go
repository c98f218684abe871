package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/containerd/nri/pkg/api"
	"github.com/containerd/nri/pkg/stub"
	"github.com/sirupsen/logrus"
)

const (
	// Containers that start while the plugin waits have no hook: keep it short.
	shortestWait = 100 * time.Millisecond
	longestWait  = time.Second
	// What containerd allows for the registration and one request, and some.
	startLimit = stub.DefaultRegistrationTimeout + stub.DefaultRequestTimeout + 3*time.Second
)

var (
	errClosed = errors.New("containerd closed the connection")
	errStuck  = errors.New("containerd did not configure the plugin in time")
)

// serve connects until ctx ends. A plugin that containerd started has one
// connection, given to it, and ends with it.
func serve(ctx context.Context, opts options, log *logrus.Logger) error {
	if os.Getenv(api.PluginSocketEnvVar) != "" {
		return ended(ctx, session(ctx, opts, log, func() {}))
	}
	if err := opts.hook.find(); err != nil {
		return err
	}
	return reconnect(ctx, log, func(connected func()) error { return session(ctx, opts, log, connected) })
}

// reconnect runs one session after the other, ever more slowly while none
// comes about.
func reconnect(ctx context.Context, log *logrus.Logger, session func(connected func()) error) error {
	wait, last := shortestWait, ""
	for {
		err := session(func() { wait, last = shortestWait, "" })
		if ctx.Err() != nil || errors.Is(err, errStuck) {
			return ended(ctx, err)
		}
		if err.Error() != last {
			last = err.Error()
			log.WithError(err).Warn("not connected: containers start without the hook; trying again")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		wait = min(2*wait, longestWait)
	}
}

// ended makes an end that was asked for a success.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// session serves one connection to its end. Each has a stub of its own: a stub
// whose start failed keeps its dead connection.
func session(ctx context.Context, opts options, log *logrus.Logger, connected func()) error {
	closed := make(chan struct{})
	s, err := stub.New(&plugin{hook: opts.hook, log: log}, opts.stub(log, func() { close(closed) })...)
	if err != nil {
		return err
	}
	if err := start(ctx, s, startLimit); err != nil {
		return err
	}
	connected()
	select {
	case <-closed:
		return errClosed
	case <-ctx.Done():
		s.Stop()
		return ctx.Err()
	}
}

// start connects and registers. A containerd that goes away between the plugin's
// registration and its configuration leaves the stub waiting without a limit.
func start(ctx context.Context, s stub.Stub, limit time.Duration) error {
	done := make(chan error, 1)
	go func() { done <- s.Start(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(limit):
		return errStuck
	}
}

// stub gives the settings of one connection. For a plugin that containerd
// started, name, index and socket are in the environment.
func (o options) stub(log *logrus.Logger, onClose func()) []stub.Option {
	settings := []stub.Option{stub.WithOnClose(onClose), stub.WithLogger(stubLog{log})}
	if os.Getenv(api.PluginSocketEnvVar) != "" {
		return settings
	}
	return append(settings, stub.WithPluginName(o.name), stub.WithPluginIdx(o.index), stub.WithSocketPath(o.socket))
}
