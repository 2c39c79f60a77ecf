package engine

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// maxDated is the largest error body that is checked.
const maxDated = 64 << 10

// cacheHeaders are those in which proxies say that a response was in their cache: "HIT".
var cacheHeaders = []string{"X-Cache", "X-Cache-Status", "Cf-Cache-Status", "Cache-Status"}

// IsCached reports whether the response says that a cache stored it, so that it may be old.
func (r *Response) IsCached() bool {
	if age, err := strconv.Atoi(r.Header.Get("Age")); err == nil && age > 0 {
		return true
	}
	for _, name := range cacheHeaders {
		if strings.Contains(strings.ToLower(r.Header.Get(name)), "hit") {
			return true
		}
	}
	stale := strings.HasPrefix(strings.TrimSpace(r.Header.Get("Warning")), "11") // "110 - Response is Stale"
	return stale || r.Status == http.StatusNotModified
}

// dated is a Date header.
type dated struct {
	text string
	at   time.Time
}

// lastDate is the header that was parsed last. All responses of a second have the same one.
var lastDate atomic.Pointer[dated]

func parseDate(text string) (time.Time, error) {
	if last := lastDate.Load(); last != nil && last.text == text {
		return last.at, nil
	}
	at, err := http.ParseTime(text)
	if err == nil {
		lastDate.Store(&dated{strings.Clone(text), at})
	}
	return at, err //nolint:wrapcheck // only whether there is one matters
}

// Date returns the time of the Date header, and whether it is the server's own. It is not
// if the response is from a cache, or from a gateway or a proxy. Each has another clock.
func (r *Response) Date() (time.Time, bool) {
	text := r.Header.Get("Date")
	if text == "" {
		return time.Time{}, false
	}
	at, err := parseDate(text)
	if err != nil || r.IsCached() {
		return time.Time{}, false
	}
	if media := r.Header.Get("Content-Type"); media != "" && !strings.Contains(strings.ToLower(media), "json") {
		return time.Time{}, false
	}
	switch {
	case r.Succeeded():
		return at, true
	case r.Status < 400, r.Status == http.StatusBadGateway, r.Status >= http.StatusGatewayTimeout,
		r.Status == http.StatusProxyAuthRequired:
		return time.Time{}, false
	}
	return at, len(r.Body) <= maxDated && json.Valid(r.Body)
}
