package engine_test

import (
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go/internal/engine"
)

const forever = time.Duration(math.MaxInt64)

// TestRetryAfter: the header has seconds, a date or a Unix time. Any other text counts as no header, what is
// too large is forever. A time is compared with the Date of the response, or with the
// clock if there is none.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	server := time.Date(2024, 2, 29, 23, 59, 50, 0, time.UTC)
	now := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	date := server.Format(http.TimeFormat)
	for name, tt := range map[string]struct {
		after, date string
		want        time.Duration // -1 for none
	}{
		"1":                    {"1", date, time.Second},
		"7":                    {"7", date, 7 * time.Second},
		"0":                    {"0", date, 0},
		"0060":                 {"0060", date, time.Minute},
		"3600":                 {"3600", date, time.Hour},
		"9223372036":           {"9223372036", date, 9223372036 * time.Second},
		"9223372037":           {"9223372037", date, forever},
		"9223372036854775807":  {"9223372036854775807", date, forever},
		"18446744073709551615": {"18446744073709551615", date, forever},
		"beyond 64 bits":       {strings.Repeat("9", 40), date, forever},
		"absent":               {"", date, -1},
		"negative":             {"-5", date, -1},
		"plus":                 {"+5", date, -1},
		"fraction":             {"1.5", date, 1500 * time.Millisecond},
		"fraction alone":       {".25", date, 250 * time.Millisecond},
		"blanks":               {" 2 ", date, 2 * time.Second},
		"point alone":          {".", date, -1},
		"two points":           {"1.2.3", date, -1},
		"large fraction":       {"99999999999.5", date, forever},
		"not a number":         {"NaN", date, -1},
		"infinite":             {"Inf", date, -1},
		"exponent":             {"1e3", date, -1},
		"hex":                  {"0x10", date, -1},
		"underscore":           {"1_0", date, -1},
		"words":                {"soon", date, -1},
		"list":                 {"1, 2", date, -1},
		"garbage":              {"\x00\xff", date, -1},
		"date":                 {server.Add(20 * time.Second).Format(http.TimeFormat), date, 20 * time.Second},
		"date, RFC 850":        {server.Add(20 * time.Second).Format("Monday, 02-Jan-06 15:04:05 GMT"), date, 20 * time.Second},
		"date, asctime":        {server.Add(20 * time.Second).Format(time.ANSIC), date, 20 * time.Second},
		"date that is now":     {date, date, 0},
		"date that has passed": {server.Add(-time.Hour).Format(http.TimeFormat), date, 0},
		"date next year":       {server.AddDate(1, 0, 0).Format(http.TimeFormat), date, 366 * 24 * time.Hour},
		"date, own clock":      {"Sat, 01 Jan 2000 00:00:09 GMT", "", 9 * time.Second},
		"date, odd Date":       {"Sat, 01 Jan 2000 00:00:09 GMT", "today", 9 * time.Second},
		"date without a zone":  {"Sat, 01 Jan 2000 00:00:09", date, -1},
		"unix time, fraction":  {"1709251205.5", date, 15500 * time.Millisecond},
		"RFC 3339":             {server.Add(20 * time.Second).Format(time.RFC3339), date, 20 * time.Second},
		"RFC 3339, zone":       {"2024-03-01T01:00:05.500+01:00", date, 15500 * time.Millisecond},
		"RFC 3339, passed":     {"2024-02-29T23:00:00Z", date, 0},
		"RFC 3339, own clock":  {"2000-01-01T00:00:09Z", "", 9 * time.Second},
		"RFC 3339, no zone":    {"2024-03-01T00:00:05", date, -1},
		"unix time":            {"1709251205", date, 15 * time.Second},
		"unix time, plus":      {"+1709251205", date, -1},
		"unix time, passed":    {"1709251180", date, 0},
		"unix time, own clock": {"946684812", "", 12 * time.Second},
		"unix time in ms":      {"1709251192500", date, 2500 * time.Millisecond},
		"earliest unix time":   {"500000000", date, 0},
		"before the earliest":  {"499999999", date, 499_999_999 * time.Second},
		"latest unix time":     {"4000000000", date, time.Unix(4e9, 0).Sub(server)},
		"after the latest":     {"4000000001", date, 4_000_000_001 * time.Second},
		"earliest in ms":       {"500000000000", date, 0},
		"before that":          {"499999999999", date, forever},
		"latest in ms":         {"4000000000000", date, time.Unix(4e9, 0).Sub(server)},
		"after that":           {"4000000000001", date, forever},
		"date far away":        {"Fri, 31 Dec 9999 23:59:59 GMT", date, forever},
	} {
		r := engine.Response{Header: http.Header{"Retry-After": {tt.after}, "Date": {tt.date}}}
		if got, ok := r.RetryAfter(now); ok != (tt.want >= 0) || got != max(tt.want, 0) {
			t.Errorf("%s: %s, %t, want %s", name, got, ok, tt.want)
		}
	}
	if got, ok := (&engine.Response{}).RetryAfter(now); got != 0 || ok {
		t.Errorf("no header at all: %s, %t", got, ok)
	}
}

// FuzzRetryAfter: a wait is never negative, and is that of the header.
func FuzzRetryAfter(f *testing.F) {
	now := time.Date(2021, 1, 19, 17, 0, 0, 0, time.UTC)
	for _, text := range []string{
		"", "0", "5", "-1", "1.5", "18446744073709551616", "9999999999", "soon", " 5", "+5", "2021-01-19T17:00:30.5Z",
		"Tue, 19 Jan 2021 17:00:30 GMT", "Tue, 19 Jan 2021 16:00:30 GMT",
		"Mon, 01 Jan 0001 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT",
	} {
		f.Add(text, "")
		f.Add(text, "Tue, 19 Jan 2021 17:00:00 GMT")
	}
	f.Fuzz(func(t *testing.T, text, date string) {
		r := engine.Response{Header: http.Header{"Retry-After": {text}, "Date": {date}}}
		wait, ok := r.RetryAfter(now)
		if wait < 0 || (!ok && wait != 0) {
			t.Fatalf("%q: %s, %v", text, wait, ok)
		}
		if at, err := http.ParseTime(text); err == nil && (!ok || (date == "" && wait != max(0, at.Sub(now)))) {
			t.Fatalf("%q: %s, %v", text, wait, ok)
		}
	})
}
