package growthgenius

import (
	"container/list"
	"context"
	"slices"
	"sync"
	"time"
)

// EnrichmentCache keeps the answers of lookups. See [WithEnrichmentCache]. It is used by
// many goroutines at once, and clients and processes may share one.
//
// Keys start with "growthgenius:" and are printable ASCII without blanks; they name the
// domains of companies, and nothing of people. Values are opaque, and personal data. Each
// carries its version and its age, so a cache may return anything it was ever given.
type EnrichmentCache interface {
	// Get returns the value of a key, which nobody may change from then on; ok is false
	// where there is none, which is no error.
	Get(ctx context.Context, key string) (value []byte, ok bool, err error)
	// Set keeps a value for ttl, or for less.
	Set(ctx context.Context, key string, value []byte, ttl time.Duration) error
}

// MemoryCache is an [EnrichmentCache] in memory, bounded in size: what was not used for
// longest goes first. It ends with the process.
type MemoryCache struct {
	maxBytes int64

	mu    sync.Mutex
	bytes int64
	order list.List // of *memoryEntry, the last used first
	byKey map[string]*list.Element
}

type memoryEntry struct {
	key   string
	value []byte
	until time.Time
}

const (
	defaultMemoryCacheBytes = 64 << 20
	memoryEntryBytes        = 256 // what an entry takes besides its key and value, about
)

func (e *memoryEntry) size() int64 { return int64(len(e.key)+len(e.value)) + memoryEntryBytes }

// NewMemoryCache returns an empty cache that takes about maxBytes of memory at most: 64 MiB
// where that is 0 or less. A value that is larger than the whole cache is not kept.
func NewMemoryCache(maxBytes int64) *MemoryCache {
	if maxBytes <= 0 {
		maxBytes = defaultMemoryCacheBytes
	}
	return &MemoryCache{maxBytes: maxBytes, byKey: map[string]*list.Element{}}
}

// Get returns a copy of the value. It never fails.
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

// Set keeps a copy of the value; one with a ttl of 0 or less is not kept. It never fails.
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
