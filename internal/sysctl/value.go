package sysctl

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/quote"
)

// MaxValueLen bounds a value in bytes. The kernel takes a sysctl in one write
// and most handlers look at no more than a page.
const MaxValueLen = 4095

// Normalize returns a value's fields joined by one space. Only printable ASCII
// and white space may stand in it, so that what was judged is what the kernel
// reads, and logs stay one line.
func Normalize(value string) (string, error) {
	if len(value) > MaxValueLen {
		return "", fmt.Errorf("a value of %d bytes, more than %d", len(value), MaxValueLen)
	}
	for i := range len(value) {
		if c := value[i]; !isSpace(c) && (c < ' ' || c > '~') {
			return "", fmt.Errorf("a value that holds the byte %#x, not a printable ASCII character", c)
		}
	}
	return strings.Join(strings.Fields(value), " "), nil
}

// Equal reports whether two values have the same fields between white space.
func Equal(a, b string) bool {
	for {
		var fa, fb string
		fa, a = nextField(a)
		fb, b = nextField(b)
		if fa != fb {
			return false
		}
		if fa == "" {
			return true
		}
	}
}

func nextField(s string) (field, rest string) {
	start := 0
	for start < len(s) && isSpace(s[start]) {
		start++
	}
	end := start
	for end < len(s) && !isSpace(s[end]) {
		end++
	}
	return s[start:end], s[end:]
}

// isSpace is the white space of ASCII; the kernel separates fields by it.
func isSpace(c byte) bool {
	return c == ' ' || (c >= '\t' && c <= '\r')
}

// Fields returns how many fields the key's value has, if it is known to have more
// than one: of fewer, the kernel keeps the others.
func (k Key) Fields() int {
	switch k {
	case "kernel/sem":
		return 4
	case "net/ipv4/tcp_rmem", "net/ipv4/tcp_wmem":
		return 3
	case "net/ipv4/ip_local_port_range", "net/ipv4/ping_group_range":
		return 2
	}
	return 1
}

// InRange reports whether every field of the value is an integer between low
// and high, either of which may be nil. An integer must be written as the
// kernel prints it: the kernel also reads "0x10" and takes "010" for eight,
// and a bound that is read differently from what is written is no bound.
func InRange(value string, low, high *int64) error {
	field, rest := nextField(value)
	if field == "" {
		return errors.New("no integer")
	}
	for ; field != ""; field, rest = nextField(rest) {
		n, err := parseInteger(field)
		if err != nil {
			return err
		}
		if low != nil && n.less(*low) {
			return fmt.Errorf("%s is below the minimum %d", field, *low)
		}
		if high != nil && n.greater(*high) {
			return fmt.Errorf("%s is above the maximum %d", field, *high)
		}
	}
	return nil
}

// integer holds what the kernel's signed and unsigned long sysctls can.
type integer struct {
	signed int64
	huge   bool // above math.MaxInt64, as kernel.shmmax is by default
}

func (n integer) less(bound int64) bool    { return !n.huge && n.signed < bound }
func (n integer) greater(bound int64) bool { return n.huge || n.signed > bound }

func parseInteger(field string) (integer, error) {
	digits := strings.TrimPrefix(field, "-")
	canonical := digits != "" && (digits[0] != '0' || field == "0")
	for i := range len(digits) {
		canonical = canonical && digits[i] >= '0' && digits[i] <= '9'
	}
	if !canonical {
		return integer{}, fmt.Errorf("%s is not a decimal integer", quote.Text(field))
	}
	if n, err := strconv.ParseInt(field, 10, 64); err == nil {
		return integer{signed: n}, nil
	}
	if _, err := strconv.ParseUint(field, 10, 64); err != nil {
		return integer{}, fmt.Errorf("%s does not fit 64 bits", quote.Text(field))
	}
	return integer{signed: math.MaxInt64, huge: true}, nil
}
