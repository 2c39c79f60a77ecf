package lookup

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Value is what the cache stores of a result that is final.
type Value struct {
	Found bool   // whether there is what was asked for
	Body  []byte // of the response; not to be changed
}

const (
	// valueVersion begins each stored value. One with another version cannot be used.
	valueVersion = "growthgenius/1"
	// clockSkew is how far the clock of the process that stored a value may be ahead.
	clockSkew = time.Hour
)

// The statuses that a stored value may have.
const (
	found    = "200"
	notFound = "404"
)

// formatValue writes a value for the cache: a line, and the body of the response. The line
// has the version, the status and the time: "growthgenius/1 200 1611075600\n{...}".
func formatValue(v Value) []byte {
	status := notFound
	if v.Found {
		status = found
	}
	return fmt.Appendf(nil, "%s %s %d\n%s", valueVersion, status, time.Now().Unix(), v.Body)
}

// parseValue reads what formatValue has written, and when that was. It trusts nothing.
func parseValue(stored []byte) (v Value, at time.Time, ok bool) {
	line, body, cut := bytes.Cut(stored, []byte("\n"))
	words := strings.SplitN(string(line), " ", 4)
	if !cut || len(words) != 3 || words[0] != valueVersion || (words[1] != found && words[1] != notFound) {
		return Value{}, time.Time{}, false
	}
	seconds, err := strconv.ParseInt(words[2], 10, 64)
	if err != nil {
		return Value{}, time.Time{}, false
	}
	return Value{Found: words[1] == found, Body: body}, time.Unix(seconds, 0), true
}
