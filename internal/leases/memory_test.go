package leases_test

import (
	"context"
	"errors"
	"sync"
	"time"

	growthgenius "github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/leases"
)

var errAway = errors.New("the store is away")

// memory is what the processes of a test share.
type memory struct {
	mu   sync.Mutex
	rows map[string]*row
}

type row struct {
	value  leases.Value
	holder string
	until  time.Time
}

func newMemory() *memory { return &memory{rows: map[string]*row{}} }

// process is the memory as one process sees it.
type process struct {
	*memory

	mu     sync.Mutex // guards the fields below
	calls  map[string]int
	active int // operations that are under way
	faults faults
}

// faults are what goes wrong with each operation.
type faults struct {
	latency time.Duration // before and after it
	down    error         // it returns this, and is not done
	late    error         // of Acquire: it returns this after it was done
	hangs   chan struct{} // it waits until that is closed, or its context ends
}

func (m *memory) process() *process { return &process{memory: m, calls: map[string]int{}} }

// set sets what goes wrong from now on.
func (p *process) set(f faults) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = f
}

// do counts an operation and does it.
func (p *process) do(ctx context.Context, name string, f func()) error {
	p.mu.Lock()
	p.calls[name]++
	p.active++
	faults := p.faults
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.active--
	}()
	if faults.hangs != nil {
		select {
		case <-faults.hangs:
		case <-ctx.Done():
			return errAway // as drivers do that have errors of their own
		}
	}
	if faults.down != nil {
		return faults.down
	}
	time.Sleep(faults.latency)
	p.memory.mu.Lock()
	f()
	p.memory.mu.Unlock()
	time.Sleep(faults.latency)
	if name == "Acquire" {
		return faults.late
	}
	return nil
}

// count returns how many operations of a name there were.
func (p *process) count(name string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[name]
}

func (p *process) Acquire(ctx context.Context, key, holder string, lasts time.Duration) (got leases.Acquired, err error) {
	err = p.do(ctx, "Acquire", func() {
		r := p.rows[key]
		if r == nil {
			r = &row{}
			p.rows[key] = r
		}
		if left := time.Until(r.until); r.holder != "" && left > 0 {
			got.Left = left
			return
		}
		r.holder, r.until = holder, time.Now().Add(lasts)
		got.Held, got.Data = true, r.value.Data
	})
	return got, err
}

func (p *process) Renew(ctx context.Context, held []leases.Held, lasts time.Duration) (renewed []string, err error) {
	err = p.do(ctx, "Renew", func() {
		for _, h := range held {
			if r := p.rows[h.Key]; r != nil && r.holder == h.Holder {
				r.until = time.Now().Add(lasts)
				renewed = append(renewed, h.Holder)
			}
		}
	})
	return renewed, err
}

func (p *process) Record(ctx context.Context, key, holder string, v leases.Value) (err error) {
	return errors.Join(p.do(ctx, "Record", func() {
		r := p.rows[key]
		switch {
		case r == nil || r.holder != holder:
			err = growthgenius.ErrLeaseLost
		case p.taken(key, v.Scope, v.ID):
			err = growthgenius.ErrIDTaken
		default:
			r.value = v
		}
	}), err)
}

func (p *process) Taken(ctx context.Context, key, scope, id string) (taken bool, err error) {
	err = p.do(ctx, "Taken", func() { taken = p.taken(key, scope, id) })
	return taken, err
}

func (p *process) taken(key, scope, id string) bool {
	for other, r := range p.rows {
		if id != "" && other != key && r.value.Scope == scope && r.value.ID == id {
			return true
		}
	}
	return false
}

func (p *process) Release(ctx context.Context, key, holder string) error {
	return p.do(ctx, "Release", func() {
		if r := p.rows[key]; r != nil && r.holder == holder {
			r.holder = ""
		}
	})
}
