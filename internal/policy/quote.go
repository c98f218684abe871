package policy

import "strconv"

// maxQuoted bounds, in bytes, what an error shows of a text that somebody else
// wrote. Quoting keeps it on one line and free of terminal escapes.
const maxQuoted = 100

func quote(text string) string {
	if len(text) > maxQuoted {
		return strconv.QuoteToASCII(text[:maxQuoted]) + "..."
	}
	return strconv.QuoteToASCII(text)
}

func quoteAll(texts []string) []string {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = quote(text)
	}
	return quoted
}
