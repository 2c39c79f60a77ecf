package match

import (
	"strconv"
	"strings"
	"time"
)

// ParseTime parses a time as the API writes it, and reports whether s is one.
func ParseTime(s string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339Nano, s)
	return t, err == nil
}

// layouts are those of times in databases and in other APIs.
var layouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04Z07:00", "2006-01-02T15:04",
	"2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999 -0700", "2006-01-02 15:04:05.999999999 MST",
	"2006-01-02 15:04:05.999999999", "2006-01-02 15:04", time.DateOnly, time.RFC1123, time.RFC1123Z,
}

// moment parses a time in any usual form.
func moment(s string) (time.Time, bool) {
	s = strings.TrimSpace(s)
	upper := strings.ToUpper(s) // time.Parse wants T and Z
	for _, layout := range layouts {
		if t, err := time.Parse(layout, upper); err == nil {
			return t, true
		}
	}
	const seconds, milliseconds = 1e9, 1e12 // since 1970: of 2001 and later
	switch n, err := strconv.ParseInt(s, 10, 64); {
	case err != nil || n < seconds:
		return time.Time{}, false
	case n >= milliseconds:
		return time.UnixMilli(n).UTC(), true
	default:
		return time.Unix(n, 0).UTC(), true
	}
}

// units are what servers round times to.
var units = []time.Duration{100 * time.Millisecond, time.Second, time.Minute}

const (
	// maxTick is how far off a time is that was stored in ticks, as by SQL Server.
	maxTick = 5 * time.Millisecond
	// zoneStep divides the difference between the clocks of any two time zones. maxZone is
	// how far one is from UTC at most.
	zoneStep, maxZone = 15 * time.Minute, 14 * time.Hour
)

// sameMoment reports whether two texts are one time, to the millisecond.
func sameMoment(a, b string) bool {
	x, ok1 := ParseTime(a)
	y, ok2 := ParseTime(b)
	return ok1 && ok2 && x.Sub(y).Abs() < time.Millisecond
}

// rewritesMoment is for times. Servers write them in another zone, round them, keep only the
// date, and take local time for UTC.
func rewritesMoment(sent, row string) bool {
	x, ok1 := moment(sent)
	y, ok2 := moment(row)
	if !ok1 || !ok2 {
		return false
	}
	if day := y.Truncate(24 * time.Hour); y.Equal(day) && !x.Add(maxZone).Before(day) && x.Add(-maxZone).Before(day.AddDate(0, 0, 1)) {
		return true // only the date
	}
	apart := y.Sub(x)
	shift := apart.Round(zoneStep)
	if shift.Abs() > maxZone {
		return false
	}
	if (apart - shift).Abs() < maxTick {
		return true
	}
	for _, unit := range units {
		down := x.Truncate(unit)
		if y.Sub(down)%zoneStep == 0 || !down.Equal(x) && y.Sub(down.Add(unit))%zoneStep == 0 {
			return true
		}
	}
	return false
}
