package growthgenius

import (
	"container/list"
	"context"
	"slices"
	"sync"
	"time"
)

// EnrichmentCache stores the results of lookups. See [WithEnrichmentCache]. A cache must
// be safe for concurrent use. Several clients, also of different processes, may share a
// cache.
//
// Keys begin with "growthgenius:" and are printable ASCII without spaces. They contain
// the domains of companies, but no data of people. Values are opaque, and may be personal
// data. Each value holds its version and its time, so a cache may also return one that
// has expired.
type EnrichmentCache interface {
	// Get returns the value of a key. ok is false if there is none, which is not an
	// error. The cache must not change the value afterwards.
	Get(ctx context.Context, key string) (value []byte, ok bool, err error)
	// Set stores a value for ttl, or for a shorter time.
	Set(ctx context.Context, key string, value []byte, ttl time.Duration) error
}

// MemoryCache is an [EnrichmentCache] in memory. It is bounded in size, and evicts the
// entries first that have not been used for the longest time. Make one with
// [NewMemoryCache]; it is safe for concurrent use.
type MemoryCache struct {
	maxBytes int64

	mu    sync.Mutex // guards the fields below
	bytes int64
	order list.List // of *memoryEntry, the most recently used first
	byKey map[string]*list.Element
}

type memoryEntry struct {
	key   string
	value []byte
	until time.Time
}

const (
	defaultMemoryCacheBytes = 64 << 20
	memoryEntryBytes        = 256 // about what an entry takes besides its key and value
)

func (e *memoryEntry) size() int64 { return int64(len(e.key)+len(e.value)) + memoryEntryBytes }

// NewMemoryCache returns an empty cache that takes at most about maxBytes of memory. If
// maxBytes is 0 or less, it is 64 MiB. A value that is larger than the whole cache is not
// stored.
func NewMemoryCache(maxBytes int64) *MemoryCache {
	if maxBytes <= 0 {
		maxBytes = defaultMemoryCacheBytes
	}
	return &MemoryCache{maxBytes: maxBytes, byKey: map[string]*list.Element{}}
}

// Get returns a copy of the value of a key. The error is always nil.
func (m *MemoryCache) Get(_ context.Context, key string) (value []byte, ok bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	element, ok := m.byKey[key]
	if !ok {
		return nil, false, nil
	}
	entry := element.Value.(*memoryEntry)
	if !time.Now().Before(entry.until) {
		m.remove(element)
		return nil, false, nil
	}
	m.order.MoveToFront(element)
	return slices.Clone(entry.value), true, nil
}

// Set stores a copy of a value for ttl. It stores nothing if ttl is 0 or less. The error
// is always nil.
func (m *MemoryCache) Set(_ context.Context, key string, value []byte, ttl time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if old, ok := m.byKey[key]; ok {
		m.remove(old)
	}
	entry := &memoryEntry{key, slices.Clone(value), time.Now().Add(ttl)}
	if ttl <= 0 || entry.size() > m.maxBytes {
		return nil
	}
	m.byKey[key] = m.order.PushFront(entry)
	m.bytes += entry.size()
	for m.bytes > m.maxBytes {
		m.remove(m.order.Back())
	}
	return nil
}

func (m *MemoryCache) remove(element *list.Element) {
	entry := m.order.Remove(element).(*memoryEntry)
	delete(m.byKey, entry.key)
	m.bytes -= entry.size()
}
