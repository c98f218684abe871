package sysctl

import (
	"math"
	"strings"
	"testing"
)

func TestNormalize(t *testing.T) {
	long := strings.Repeat("x", MaxValueLen)
	for _, test := range []struct {
		value, want string
		ok          bool
	}{
		{"600", "600", true},
		{"", "", true},
		{" \t\n\v\f\r", "", true},
		{" 4096\t131072  6291456\n", "4096 131072 6291456", true},
		{"bbr\ncubic", "bbr cubic", true},
		{"~!\"$%&/()=?", "~!\"$%&/()=?", true},
		{long, long, true},
		{long + " ", "", false},
		{"1\x00", "", false},
		{"\x1b[31m", "", false},
		{"\x7f", "", false},
		{"1\u00a02", "", false}, // Unicode's white space is none of the kernel's
		{"１", "", false},
		{"\xff", "", false},
	} {
		got, err := Normalize(test.value)
		if got != test.want || (err == nil) != test.ok {
			t.Errorf("Normalize(%.40q) = %.40q, %v; want %.40q, ok %t", test.value, got, err, test.want, test.ok)
		}
	}
}

func TestEqual(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"600", "600", true},
		{"600", " 600\n", true},
		{"4096\t131072\t6291456", "4096 131072 6291456", true},
		{"", " \n", true},
		{"1 2", "12", false},
		{"1", "1 1", false},
		{"1 2", "2 1", false},
		{"600", "0600", false}, // the kernel would read octal
		{"600", "0x258", false},
		{"", "0", false},
		{"bbr", "BBR", false},
	} {
		if Equal(test.a, test.b) != test.want || Equal(test.b, test.a) != test.want {
			t.Errorf("Equal(%q, %q) is %t", test.a, test.b, !test.want)
		}
	}
}

func TestInRange(t *testing.T) {
	bound := func(n int64) *int64 { return &n }
	low, high := bound(30), bound(7200)
	for _, test := range []struct {
		value     string
		low, high *int64
		want      bool
	}{
		{"30", low, high, true},
		{"7200", low, high, true},
		{"29", low, high, false},
		{"7201", low, high, false},
		{"-1", low, high, false},
		{"-1", nil, high, true},
		{"7201", low, nil, true},
		{"-5", bound(-9), bound(-5), true},
		{"-4", bound(-9), bound(-5), false},
		{"0", bound(0), bound(0), true},
		{"30 31\t7200", low, high, true},
		{"30 31 7201", low, high, false},
		{"29 31 32", low, high, false},
		// Every field is an integer, even where any is good enough.
		{"x", nil, nil, false},
		{"30 x", low, high, false},
		{"", low, high, false},
		{" \n", nil, nil, false},
		// What the kernel and a reader could take differently.
		{"0x100", low, high, false},
		{"0100", low, high, false},
		{"00", bound(0), nil, false},
		{"-0", bound(0), nil, false},
		{"+100", low, high, false},
		{"1e2", low, high, false},
		{"100.0", low, high, false},
		{"1_00", low, high, false},
		{"100,200", low, high, false},
		{"100-200", low, high, false},
		{"-", nil, nil, false},
		{"--1", nil, nil, false},
		// unsigned long, such as kernel.shmmax
		{"18446744073692774399", low, nil, true},
		{"18446744073692774399", low, high, false},
		{"18446744073709551615", nil, bound(math.MaxInt64), false},
		{"9223372036854775807", nil, bound(math.MaxInt64), true},
		{"-9223372036854775808", bound(math.MinInt64), nil, true},
		{"18446744073709551616", nil, nil, false},
		{"-9223372036854775809", nil, nil, false},
	} {
		if err := InRange(test.value, test.low, test.high); (err == nil) != test.want {
			t.Errorf("InRange(%q): %v, want in range: %t", test.value, err, test.want)
		}
	}
}
