package growthgenius

import (
	"net/http"
	"testing"
	"time"
)

// FuzzRetryAfter: a wait is never negative, and is what the header says.
func FuzzRetryAfter(f *testing.F) {
	now := time.Date(2021, 1, 19, 17, 0, 0, 0, time.UTC)
	for _, text := range []string{"", "0", "5", "-1", "1.5", "18446744073709551616", "9999999999", "Tue, 19 Jan 2021 17:00:30 GMT", "Tue, 19 Jan 2021 16:00:30 GMT", "Mon, 01 Jan 0001 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "soon", " 5", "+5"} {
		f.Add(text, "")
		f.Add(text, "Tue, 19 Jan 2021 17:00:00 GMT")
	}
	f.Fuzz(func(t *testing.T, text, date string) {
		wait, ok := retryAfter(http.Header{"Retry-After": {text}, "Date": {date}}, now)
		if wait < 0 || (!ok && wait != 0) {
			t.Fatalf("%q: %s, %v", text, wait, ok)
		}
		if at, err := http.ParseTime(text); err == nil && (!ok || (date == "" && wait != max(0, at.Sub(now)))) {
			t.Fatalf("%q: %s, %v", text, wait, ok)
		}
	})
}
