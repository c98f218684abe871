package main

import (
	"context"
	"io"

	"github.com/sirupsen/logrus"
)

// newLogger logs to stderr, which the journal or the pod's log keeps.
func newLogger(stderr io.Writer) *logrus.Logger {
	log := logrus.New()
	log.SetOutput(stderr)
	return log
}

// stubLog takes what the NRI library logs. What a normal
// start looks like is detail.
type stubLog struct{ log *logrus.Logger }

func (l stubLog) Debugf(_ context.Context, format string, args ...any) { l.log.Debugf(format, args...) }
func (l stubLog) Infof(_ context.Context, format string, args ...any)  { l.log.Debugf(format, args...) }
func (l stubLog) Warnf(_ context.Context, format string, args ...any)  { l.log.Warnf(format, args...) }
func (l stubLog) Errorf(_ context.Context, format string, args ...any) { l.log.Errorf(format, args...) }
