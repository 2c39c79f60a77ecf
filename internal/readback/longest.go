package readback

import (
	"sync"
	"time"
)

// Longest is how many records the lists of each route had. A list with fewer than another one
// was not cut short at a limit.
type Longest struct {
	mu    sync.Mutex // guards lists
	lists map[string]longest
}

// longest is the length of the longest list of a route, and when it was seen last.
type longest struct {
	count int
	at    time.Time
}

// longestFor is how long a length is remembered: the limit of the API may change.
const longestFor = time.Hour

// Saw notes the length of a list, and returns the largest before it.
func (l *Longest) Saw(route string, count int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := l.lists[route]
	if time.Since(last.at) > longestFor {
		last.count = 0
	}
	if count >= last.count {
		if l.lists == nil {
			l.lists = map[string]longest{}
		}
		l.lists[route] = longest{count, time.Now()}
	}
	return last.count
}
